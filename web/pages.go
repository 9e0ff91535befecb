package web

import "context"

// This file holds what templates are executed with: one struct a page,
// values ready to be read by people. Files named after pages fill them.

// A page is the struct of one template. Its layout returns the parts shared
// by all pages.
type page interface {
	layout() *frame
}

// frame is what surrounds every page.
type frame struct {
	Title   string // of the document, before the name of the town
	Place   string // "Saint-Aubin-sur-Loire"
	Town    string // "Ville de Saint-Aubin-sur-Loire"
	Section string // entry of the menu that is current: "bannettes"...
	Body    string // class of the body
	Who     string // "Mme Garnier"; empty before sign-in
	CSRF    string // of the session
	Visitor string // identifier of who signed in; empty before, and at the centre
	Drafter bool   // shows « Déposer »
	Admin   bool   // shows « Administration »
	Demo    bool   // says that keys and signatures are worth nothing
	Sandbox bool   // says that everything is a specimen
	Live    string // dossier whose events refresh the page, "*" for all, empty for none
	Version string
	Scripts []string // modules of this page, beside ui.js
	// Elsewhere are the doors of the other towns that the person serves, read
	// by others when the page is shown.
	Elsewhere []door
	others    func(context.Context) ([]door, error)
	Centre    bool // a page of the hosting centre, which is no town
}

// A door is where somebody signs in to another town.
type door struct{ Town, URL string }

func (f *frame) layout() *frame { return f }

// A tag is two words with an icon inside a list.
type tag struct{ Kind, Icon, Text string }

// signInPage is /connexion.
type signInPage struct {
	frame
	Next    string // path to return to
	Expired bool   // the session ended; says so
	Left    bool   // just signed out
	SignOn  string // name of the identity provider; empty without
}

// enrolPage is /enrolement/{token}.
type enrolPage struct {
	frame
	Name  string
	Token string
	Demo  bool // no witness is asked for

	SignOn string // name of the identity provider; empty without
}

// A binLink is a divider of the book.
type binLink struct {
	Code, Label string
	Count       string // "12", or "99+"
	Current     bool
	Rest        bool   // folded on a phone
	Kind        string // colour of its counter
}

// A letterRow is a letter in a list.
type letterRow struct {
	ID, URL   string
	Title     string
	Recipient string
	By        string // who drafted, and the type
	Where     string // step, or what happened last
	Motive    string // of the last refusal
	Tags      []tag
	Unread    bool
	Decision  string // what a batch may decide: "visa", "signature", or empty
	Image     string // of the first page
	Ask       string // "votre signature"
}

// A letterGroup is letters under one heading.
type letterGroup struct {
	Title string
	Late  bool
	Rows  []letterRow
}

// An emptyList says that there is nothing, and where to go.
type emptyList struct{ Icon, Title, Text, URL, Action string }

// binsPage is / and /bannettes.
type binsPage struct {
	frame
	Away          string // "Vous êtes absente jusqu’au …", or empty
	Heading, Lead string
	Bins          []binLink
	Bin           string // code of the current one
	BinLabel      string
	Groups        []letterGroup
	First         *letterRow // in the preview
	Empty         *emptyList
	More          string // address of the rest of the list
	Batch         bool   // several letters may be decided at once
	Actor         string // who decides, as statements name them
	Said          string // what was just done
	Alerts        []accessAlert
	Activate      string // how many letters wait for the person to authorise their key elsewhere
}

// A happening is one line of the history.
type happening struct {
	When, What, Who, Detail string
	URL, Link               string // what it points at
	Seq                     int64
}

// A leaf is one page of a document.
type leaf struct {
	Number int
	Image  string
	Alt    string
	First  bool
}

// A docTab is a document of the dossier.
type docTab struct {
	N        int
	Label    string
	File     string
	Fact     string // "2 pages, 180 Ko"
	Pages    int
	Leaves   []leaf
	Text     string // address of the reading as text
	Content  string // address of the bytes
	Download string
	SHA256   string
	Annex    bool
}

// A verb is one thing the viewer may do with the letter.
type verb struct {
	Name  string // sign, visa, refuse, undo, start, withdraw, correct
	Label string
	Icon  string
	URL   string
	Sheet bool
	Post  bool // a form, not a link
}

// A banner says where the letter stands when that asks for a sentence.
type banner struct{ Kind, Icon, Title, Text string }

// letterPage is /dossiers/{id}.
type letterPage struct {
	frame
	Alerts          []accessAlert
	Activate        string // see binsPage
	ID              string
	Rev             int
	Heading         string
	Recipient       string
	By              string
	Number          string
	Reference       string
	Note            string
	Tags            []tag
	Phase           string
	Banner          *banner
	Place, Tray     int
	Back, BackLabel string
	Previous, Next  string
	Strip           string
	Stops           []stop
	Docs            []docTab
	Main            *verb // the act
	Second          *verb // the other verb
	More            []verb
	Notices         []noticeLine
	Blocks          []noticeLine // of signatures: where they are, and what gave way
	Evidence        string       // address of the evidence file, or empty
	SignedPDF       string       // address of the signed PDF, or empty
	History         []happening
	Sent            []happening // how the letter was sent, and what became of it
	Remarks         []happening
	Prefetch        bool // the bytes are wanted for a decision
	Vendor          string
	Level           string
	Signers         []string
	SHA256          string
	Versions        int
	Said            string   // what was just done
	Deleg           *banner  // in whose place the viewer acts
	Why             string   // what keeps the viewer from acting
	Question        *banner  // the opinion that the viewer is asked for
	Metadata        []choice // label and value
	MetadataURL     string   // where they change, or empty
	Chrono          string   // number in the register
	Readings        []string // who read it, and when
	Recusals        []string
	MustRead        bool   // the step asks to read first
	Seen            string // SHA-256 of the letter as shown
	Replaced        string // address of the letter that replaced this one
}

// decisionPage is /dossiers/{id}/viser, /signer, /refuser and /remords.
type decisionPage struct {
	frame
	ID        string
	Back      string
	Decision  string // visa, signature, refus, remords
	Heading   string
	Actor     string // who decides, as the statement names them
	Name      string
	Quality   string
	Letter    string
	Recipient string
	Pages     string
	Annexes   string
	Content   string // address of the bytes the browser hashes
	SHA256    string
	Bytes     string
	Readers   string // who reads the motive
	ReturnTo  string // where a refused letter goes
	TakenBack string // the decision that would be taken back
	Next      string // the next letter, or empty
	Remaining string
	StateURL  string
	Act       string // name of the page: viser, signer...
	Bin, Tray string // the bin its reader comes from, and its address
	Deleg     *banner
	Unread    bool // the step asks to read first
	Opened    bool // and the letter was opened
	Seen      string
	Missing   []control // metadata to fill first
	Returns   []listed  // where a refusal may go
	Step      string    // that is bypassed
	Today     string    // "2026-11-23"
	Upload    string    // where a proof goes
	MaxSize   string
	MaxBytes  int64
}

// Before reports whether something is asked before the decision.
func (p *decisionPage) Before() bool { return p.Unread || len(p.Missing) > 0 }

// A field is a form field that may come back with what was typed and why it
// does not do.
type field struct{ Value, Error string }

// A typeChoice is a kind of letter with the circuit it takes.
type typeChoice struct {
	Code, Name, Hint string
	Chosen           bool
	Stops            []stop
	Warning          string
	Ahead            []string // why a signature could not be completed today
	Fields           []control
	Varies           bool // the fields may choose another circuit
}

// depositPage is /deposer.
type depositPage struct {
	frame
	Problem     string // of the whole form
	LetterTitle field
	Recipient   field
	Type        field
	Reference   field
	Note        field
	File        field
	Annexes     field
	Stamp       stampForm
	Where       whereForm
	Types       []typeChoice
	MaxSize     string
	MaxBytes    int64

	typed map[string][]string // in the fields of the type
	wrong map[string]string   // with them
}

// whereForm asks where the signature block goes.
type whereForm struct {
	Chosen bool  // on a page, at a place; otherwise the letter decides
	Page   field // number; empty is the last
	At     string
}

// Places are those of a page that the form offers, by rows.
func (f whereForm) Places() []choice {
	var out []choice
	for _, p := range blockPlaces() {
		out = append(out, choice{p.code, p.label})
	}
	return out
}

// Is reports whether a place is the one chosen.
func (f whereForm) Is(code string) bool {
	return f.At == code || f.At == "" && code == lowerRight
}

// stampForm asks for a stamp at the top of the letter.
type stampForm struct {
	Text            field
	Town, Date, All bool
}

// Open says that something of it is filled or wrong.
func (s stampForm) Open() bool { return s.asked() != nil || s.Text.Error != "" }

// A noticeLine is something that the deposit noted about a file.
type noticeLine struct {
	Document string // "Annexe 2"; empty for the letter
	Text     string
	Warn     bool
}

// A ruleLine is what the town does about one kind of active content.
type ruleLine struct {
	Code, Name, Why string
	Refused, Usual  bool // Usual is the product's own choice
}

// rulesPage is /administration/depot.
type rulesPage struct {
	frame
	Rules []ruleLine
	Said  string
}

// withdrawPage is /dossiers/{id}/retirer.
type withdrawPage struct {
	frame
	ID, Back, Letter string
	Rev              int
	Problem          string
	Reason           field
	Draft            bool
}

// correctPage is /dossiers/{id}/corriger.
type correctPage struct {
	frame
	ID, Back, Letter string
	Refusal          *stop
	Problem          string
	File             field
	Stamp            stampForm
	MaxSize          string
	MaxBytes         int64
	Restarts         bool
	Natures          []listed // what the circuit lets the correction be
	Reason           field
}

// A keyCard is a passkey of the person.
type keyCard struct {
	ID      string // base64url of the credential identifier
	Label   string
	Kind    string
	Added   string
	Origin  string // who answers for it
	Revoked string
	Last    bool // cannot be revoked by its holder
}

// keysPage is /mes-cles.
type keysPage struct {
	frame
	Name    string
	Keys    []keyCard
	Waiting []enrolmentLine
	Alerts  []accessAlert
	Linked  []identityLine // accounts that open their sessions
	Welcome bool
	Problem string
	Said    string
}

// A personLine is somebody of the town, as the administrator sees them.
type personLine struct {
	ID, Name, Email string
	Roles           string
	Keys            string
	Keyless         bool
	OneKey          bool // a second one is missing
	Inactive        bool
	Oneself         bool // the administrator who looks
}

// An invitationNote shows a link that is shown once.
type invitationNote struct {
	Name, Link, Expires string
	Again               bool   // they have a passkey already, and will be told
	Mailed              string // the address it was sent to: the link is not shown
	Unsent              bool   // no mail server took it: the link is shown instead
}

// peoplePage is /administration.
type peoplePage struct {
	frame
	People  []personLine
	Invited *invitationNote
	Mails   bool // an invitation may go by mail
	Problem string
	Said    string
	Form    personForm
}

// personForm is what the administrator typed.
type personForm struct {
	Civility                     string
	GivenName, FamilyName, Email field
	Drafter, Admin               bool
}

// A deskLine is a desk with who holds it.
type deskLine struct {
	ID, Name          string
	Holders, Preparer []seatLine
	Warning           string
}

// A seatLine is somebody at a desk.
type seatLine struct{ Person, Name, Text string }

// A choice is an option of a list.
type choice struct{ Value, Label string }

// desksPage is /administration/bureaux.
type desksPage struct {
	frame
	Tree    []deskNode
	Desks   []deskLine
	People  []choice
	Problem string
	Said    string
	Name    field
}

// A keyLine is an API key.
type keyLine struct {
	ID, Scopes, Created, Used, Expires string
	Revoked                            string
}

// An applicationCard is a program of the town.
type applicationCard struct {
	ID, Name, Drafter string
	Keys              []keyLine
}

// A secretNote shows an API key once.
type secretNote struct{ Application, Secret string }

// A scopeChoice is a right a key may hold.
type scopeChoice struct {
	Code, Label string
	Default     bool
}

// applicationsPage is /administration/applications.
type applicationsPage struct {
	frame
	Applications []applicationCard
	People       []choice
	Scopes       []scopeChoice
	Shown        *secretNote
	Problem      string
	Said         string
	Name         field
}

// A journalLine is an entry of the town's journal.
type journalLine struct {
	Seq                         int64
	When, Kind, What, Who, Hash string
	About                       string // whom or what
	Sentence                    string // what changed, when the entry says it
}

// journalPage is /administration/journal.
type journalPage struct {
	frame
	Lines    []journalLine
	Older    string
	Head     string
	Search   []setting
	Searched bool
	Nothing  *journalNothing // instead of lines
}

// accessPage is /accessibilite.
type accessPage struct{ frame }

// textPage is the reading of a document as text.
type textPage struct {
	frame
	Back, Letter string
	Pages        []textLeaf
	Missing      bool
}

// A textLeaf is the text of one page, in paragraphs.
type textLeaf struct {
	Number     int
	Paragraphs []string
}

// errorPage says what happened, what is safe and what to do.
type errorPage struct {
	frame
	Status       int
	Icon         string
	Heading, Say string
	Safe         string
	URL, Action  string
	Ref          string // to give to whoever can read the logs
}

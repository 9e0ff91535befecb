package web

import "html/template"

// A circuitRow is a circuit in the list.
type circuitRow struct {
	Code, Name string
	State      []tag
	Dossiers   string // "11 dossiers en route", or empty
	Types      string
	Steps      string
}

// circuitsPage is /administration/circuits.
type circuitsPage struct {
	frame
	Said    string
	Problem string
	Rows    []circuitRow
	Name    field // of a new circuit
}

// A flowActor is one actor of a drawn step.
type flowActor struct {
	Who, People string
	Tag         *tag
}

// A flowStep is a step as drawn in the editor.
type flowStep struct {
	N                            int // from 1
	ID, Title, Act, Icon, Facts  string
	Condition, Many, Next, After string // Next: the step before which "down" puts it
	Actors                       []flowActor
	Current, First, Last         bool
	Blocking, Warning            int // findings about it
}

// A findingNote is a finding with its way out.
type findingNote struct {
	Blocking  bool
	Text      string
	URL, Link string
}

// An pick of a select or of a list of boxes.
type pick struct {
	Value, Label, Hint string
	On                 bool
	Kind               string // of a field: its type; of an operator: the types it is for
}

// An actorRow is one line of "qui agit".
type actorRow struct {
	N     int
	Desks []pick
	Rules []pick
	Blank bool
}

// A clauseRow is one line of the condition assistant.
type clauseRow struct {
	N                 int
	Fields, Operators []pick
	Value             string
}

// A rungRow is one line of an escalation.
type rungRow struct {
	N     int
	After string
	To    []pick
}

// A stepPanel edits one step.
type stepPanel struct {
	N                                   int
	ID, Title, Problem                  string
	Kinds, Actors                       []pick
	Rows                                []actorRow
	Among                               []pick // desks of a choice at start
	Choice, Several                     bool
	Modes                               []pick
	Quorum                              int
	Ordered, Cumulate                   bool
	Automatic, CanAutomate, Acts, Signs bool
	When                                string // "", "si" or "libre"
	Clauses                             []clauseRow
	Joins                               []pick
	CEL                                 string
	Days, Before, After                 string
	Rungs                               []rungRow
	Levels                              []pick
	Bound, MustRead, NoRefusal          bool
	RefuseTo                            []pick
	Earlier                             []pick
	Fields, RefusalFields               []pick
}

// A wholePanel edits what is of the circuit as a whole.
type wholePanel struct {
	Name, Days     string
	Then           []pick
	Minor, Partial bool
	Actors         bool
	Desks          []pick
}

// A tryField is one metadata of a letter that does not exist.
type tryField struct {
	Name, Label, Type, Value string
	Options                  []pick
}

// A tryPanel tries the circuit.
type tryPanel struct {
	Kinds    []pick
	Fields   []tryField
	Drafters []pick
	Choices  []tryField
	On       string
	Result   *tryResult
	Name     string
	Problem  string
}

// A tryResult is where a letter would go.
type tryResult struct {
	Summary  string
	Complete bool
	Stops    []stop
}

// A caseLine is a kept case.
type caseLine struct {
	N                int
	Name, Path, Stop string
	OK               bool
	Expected         string
}

// A versionLine is one published version.
type versionLine struct {
	N                  int
	Published, Running string
	State              tag
	InForce            bool
}

// circuitPage is /administration/circuits/{code}.
type circuitPage struct {
	frame
	Code, Name, Lead, Edition string
	Said, Problem             string
	Drafted, Ready, Retirable bool
	Next, InForce             int // version that would be published, that is in force
	Steps                     []flowStep
	Kinds                     []pick // to add a step
	Panel                     *stepPanel
	Whole                     wholePanel
	Findings                  []findingNote
	Try                       tryPanel
	Cases                     []caseLine
	Coverage                  []caseLine
	Covered                   string
	Drawing, Narrow           template.HTML // made by picture, which escapes what it is given
	List                      []stop
	Versions                  []versionLine
	Types, Running            string
	Older                     int // running dossiers of older versions
	Values                    map[string][]string
}

// A sideBySide is one line of two versions.
type sideBySide struct {
	Tag           tag
	Before, After *sideStep
	Fields        string
}

// A sideStep is a step in such a line.
type sideStep struct {
	Title string
	Lines []string
}

// comparePage is /administration/circuits/{code}/comparer.
type comparePage struct {
	frame
	Code, Name    string
	Left, Right   []pick
	Before, After string
	Whole         string
	Lines         []sideBySide
	Same          bool
}

// publishPage is /administration/circuits/{code}/publier.
type publishPage struct {
	comparePage
	Edition  string
	Next     int
	First    bool
	Blocking []findingNote
	Cases    []caseLine
	Running  string
	Kinds    []pick
	Types    string
	Ready    bool
	Problem  string
}

// A migrationLine is a running dossier.
type migrationLine struct {
	ID, Number, Version, Step, Since string
	Older                            bool
	Problem                          string
}

// migrationPage is /administration/circuits/{code}/dossiers.
type migrationPage struct {
	frame
	Code, Name    string
	InForce       int
	Lines         []migrationLine
	Older         int
	Said, Problem string
	Reason        field
}

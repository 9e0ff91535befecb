package main

import (
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"parapheur/internal/pdftest"
	"parapheur/internal/tooltest"
	"parapheur/internal/wiring"
)

// qualifiedKey makes an authority, a qualified certificate under it, and a list
// that grants the authority or has withdrawn it.
func qualifiedKey(t *testing.T, dir string) {
	t.Helper()
	openssl(t, dir, "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", "ca.key", "-out", "ca.pem", "-days", "30", "-subj", "/O=Essai/CN=AC qualifiée")
	openssl(t, dir, "req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", "h.key", "-out", "h.csr", "-subj", "/O=Ville/CN=Marc Essai")
	// QcCompliance and QcSSCD (EN 319 412-5).
	write(t, dir, "ext", "keyUsage=critical,nonRepudiation\n1.3.6.1.5.5.7.1.3=DER:30:14:30:08:06:06:04:00:8e:46:01:01:30:08:06:06:04:00:8e:46:01:04\n")
	openssl(t, dir, "x509", "-req", "-in", "h.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-days", "20", "-extfile", "ext", "-out", "h.pem")
	openssl(t, dir, "pkcs12", "-export", "-inkey", "h.key", "-in", "h.pem", "-certfile", "ca.pem", "-out", "h.p12", "-passout", "pass:un secret")
	write(t, dir, "password", "un secret\n")
	raw, err := os.ReadFile(filepath.Join(dir, "ca.pem"))
	if err != nil {
		t.Fatal(err)
	}
	block, _ := pem.Decode(raw)
	for name, status := range map[string]string{"granted.xml": "granted", "withdrawn.xml": "withdrawn"} {
		write(t, dir, name, fmt.Sprintf(`<TrustServiceStatusList xmlns="http://uri.etsi.org/02231/v2#"><SchemeInformation>
<TSLSequenceNumber>3</TSLSequenceNumber><SchemeOperatorName><Name xml:lang="fr">Superviseur</Name></SchemeOperatorName><SchemeTerritory>FR</SchemeTerritory>
<ListIssueDateTime>2020-01-02T03:04:05Z</ListIssueDateTime><NextUpdate><dateTime>2020-07-02T03:04:05Z</dateTime></NextUpdate></SchemeInformation>
<TrustServiceProviderList><TrustServiceProvider><TSPInformation><TSPName><Name xml:lang="fr">Prestataire</Name></TSPName></TSPInformation><TSPServices>
<TSPService><ServiceInformation><ServiceTypeIdentifier>http://uri.etsi.org/TrstSvc/Svctype/CA/QC</ServiceTypeIdentifier>
<ServiceName><Name xml:lang="fr">AC</Name></ServiceName><ServiceDigitalIdentity><DigitalId><X509Certificate>%s</X509Certificate></DigitalId></ServiceDigitalIdentity>
<ServiceStatus>http://uri.etsi.org/TrstSvc/TrustedList/Svcstatus/%s</ServiceStatus><StatusStartingTime>2021-01-01T00:00:00Z</StatusStartingTime></ServiceInformation>
<ServiceHistory><ServiceHistoryInstance><ServiceTypeIdentifier>http://uri.etsi.org/TrstSvc/Svctype/CA/QC</ServiceTypeIdentifier>
<ServiceStatus>http://uri.etsi.org/TrstSvc/TrustedList/Svcstatus/granted</ServiceStatus><StatusStartingTime>2019-01-01T00:00:00Z</StatusStartingTime></ServiceHistoryInstance></ServiceHistory>
</TSPService></TSPServices></TrustServiceProvider></TrustServiceProviderList></TrustServiceStatusList>`, base64.StdEncoding.EncodeToString(block.Bytes), status))
	}
}

// A letter signed under a listed authority is called qualified, under one that
// was withdrawn it is not, and a list that cannot be read is said so.
func TestTrustedListCommands(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	qualifiedKey(t, dir)
	in := func(name string) string { return filepath.Join(dir, name) }
	if err := os.WriteFile(in("in.pdf"), pdftest.Pages(pdftest.Text("Lettre")), 0o600); err != nil {
		t.Fatal(err)
	}
	parapheur(t, exitOK, "pades", "sign", "--p12", in("h.p12"), "--password-file", in("password"), "--level", "B", in("in.pdf"), in("out.pdf"))

	out, _ := parapheur(t, exitOK, "trust", "show", in("granted.xml"))
	for _, want := range []string{"FR n° 3", "Superviseur", "SHA-256", "signature de la liste non vérifiée", "une autre était due", "qualifié depuis le 01/01/2021"} {
		if !strings.Contains(out, want) {
			t.Errorf("show does not say %q: %s", want, out)
		}
	}
	out, _ = parapheur(t, exitOK, "trust", "qualify", "--trusted-list", in("granted.xml"), in("out.pdf"))
	if !strings.Contains(out, "signature électronique qualifiée, certificat de Prestataire") {
		t.Errorf("qualify: %s", out)
	}
	out, _ = parapheur(t, exitUnusable, "trust", "qualify", "--trusted-list", in("withdrawn.xml"), in("out.pdf"))
	if !strings.Contains(out, "n’était pas qualifié") {
		t.Errorf("withdrawn: %s", out)
	}
	out, _ = parapheur(t, padesDone, "pades", "verify", "--trusted-list", in("granted.xml"), in("out.pdf"))
	for _, want := range []string{"VALIDE", "signature de la liste non vérifiée", "qualifiée, certificat de Prestataire"} {
		if !strings.Contains(out, want) {
			t.Errorf("pades verify does not say %q: %s", want, out)
		}
	}
	out, _ = parapheur(t, padesDone, "pades", "verify", "--json", "--trusted-list", in("granted.xml"), in("out.pdf"))
	var both struct {
		Verdict   string               `json:"verdict"`
		Qualified []qualifiedSignature `json:"qualified"`
	}
	if err := json.Unmarshal([]byte(out), &both); err != nil || both.Verdict != "valid" || len(both.Qualified) != 1 || !both.Qualified[0].Signature.Device {
		t.Errorf("pades verify --json: %v %s", err, out)
	}
	out, _ = parapheur(t, exitOK, "verify", in("out.pdf"), "--trusted-list", in("granted.xml"))
	if !strings.Contains(out, "qualifiée, certificat de Prestataire") {
		t.Errorf("verify: %s", out)
	}
	out, _ = parapheur(t, exitOK, "verify", "--json", in("out.pdf"), "--trusted-list", in("granted.xml"))
	var rep struct {
		Outcome   string               `json:"outcome"`
		Qualified []qualifiedSignature `json:"qualified"`
	}
	if err := json.Unmarshal([]byte(out), &rep); err != nil || rep.Outcome == "" || len(rep.Qualified) != 1 || !rep.Qualified[0].Signature.Device {
		t.Errorf("verify --json: %+v, %v", rep, err)
	}
	parapheur(t, exitError, "trust", "show", in("in.pdf"))
	parapheur(t, exitError, "trust", "qualify", "--trusted-list", in("granted.xml"), in("password"))
	parapheur(t, exitUsage, "trust", "qualify", in("out.pdf"))
	parapheur(t, exitUsage, "trust", "show")
}

// Given who signs a list, it is read only when they signed it, and the report says so.
func TestTrustedListSigner(t *testing.T) {
	t.Parallel()
	tooltest.Need(t, "xmlsec1")
	dir := t.TempDir()
	qualifiedKey(t, dir)
	in := func(name string) string { return filepath.Join(dir, name) }
	for _, name := range []string{"superviseur", "autre"} {
		openssl(t, dir, "req", "-x509", "-newkey", "rsa:3072", "-nodes", "-keyout", name+".key", "-out", name+".pem", "-days", "30", "-subj", "/C=FR/CN="+name)
	}
	raw, err := os.ReadFile(in("granted.xml"))
	if err != nil {
		t.Fatal(err)
	}
	write(t, dir, "template.xml", strings.Replace(string(raw), "</TrustServiceStatusList>", `<ds:Signature xmlns:ds="http://www.w3.org/2000/09/xmldsig#"><ds:SignedInfo>
<ds:CanonicalizationMethod Algorithm="http://www.w3.org/2001/10/xml-exc-c14n#"/><ds:SignatureMethod Algorithm="http://www.w3.org/2001/04/xmldsig-more#rsa-sha256"/>
<ds:Reference URI=""><ds:Transforms><ds:Transform Algorithm="http://www.w3.org/2000/09/xmldsig#enveloped-signature"/><ds:Transform Algorithm="http://www.w3.org/2001/10/xml-exc-c14n#"/></ds:Transforms>
<ds:DigestMethod Algorithm="http://www.w3.org/2001/04/xmlenc#sha256"/><ds:DigestValue/></ds:Reference></ds:SignedInfo><ds:SignatureValue/>
<ds:KeyInfo><ds:X509Data><ds:X509Certificate/></ds:X509Data></ds:KeyInfo></ds:Signature></TrustServiceStatusList>`, 1))
	if out, err := exec.Command("xmlsec1", "--sign", "--privkey-pem", in("superviseur.key")+","+in("superviseur.pem"), "--output", in("signed.xml"), in("template.xml")).CombinedOutput(); err != nil {
		t.Fatalf("xmlsec1: %v %s", err, out)
	}
	out, _ := parapheur(t, exitOK, "trust", "show", "--trusted-list-signer", in("superviseur.pem"), in("signed.xml"))
	if !strings.Contains(out, "signature de la liste vérifiée, faite par superviseur") {
		t.Errorf("show: %s", out)
	}
	if _, out = parapheur(t, 1, "trust", "show", "--trusted-list-signer", in("autre.pem"), in("signed.xml")); !strings.Contains(out, "la signature de la liste de confiance est refusée") {
		t.Errorf("another signer: %s", out)
	}
	if _, out = parapheur(t, 1, "trust", "show", "--trusted-list-signer", in("superviseur.pem"), in("granted.xml")); !strings.Contains(out, "refusée") {
		t.Errorf("an unsigned list: %s", out)
	}
	for _, c := range []*config{{trustedList: in("signed.xml"), trustedListSigner: in("superviseur.pem")}, {trustedListSigner: in("superviseur.pem")}, {trustedList: in("signed.xml"), trustedListSigner: in("autre.pem")}} {
		var to wiring.Config
		err := c.anchors(&to)
		if sound := c.trustedList != "" && c.trustedListSigner == in("superviseur.pem"); sound != (err == nil) || sound != (len(to.Roots) == 1) {
			t.Errorf("serve with %+v: %d roots, %v", c.trustedListSigner, len(to.Roots), err)
		}
	}
}

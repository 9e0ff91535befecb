package signing_test

import (
	"bytes"
	"fmt"

	"parapheur/signing"
	"parapheur/signing/internal/pdftest"
	"parapheur/signing/internal/signtest"
)

// What a reader is told of a document that nobody signed.
func ExampleCheck() {
	letter := pdftest.Letter(1)
	report, err := signing.Check(bytes.NewReader(letter), int64(len(letter)), signing.CheckOptions{At: signtest.Now()})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(report.Verdict, "-", report.Verdict.French())
	for _, r := range report.Reasons {
		fmt.Println(r.Code, "-", r.French())
	}
	// Output:
	// unknown - indéterminée
	// no_signature - Le document ne contient aucune signature.
}

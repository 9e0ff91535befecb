package wiring

import (
	"parapheur/dossiers"
	"parapheur/internal/intake"
)

// intakeOf says in the words of dossiers what the check of a PDF found.
func intakeOf(i intake.Info) dossiers.Intake {
	out := dossiers.Intake{
		Pages: i.Pages, Signed: i.Signed, Untidy: i.NeedsRepair, Protected: i.Protected, Archival: i.PDFA, Sizes: i.Sizes,
	}
	for _, f := range i.Findings {
		out.Contents = append(out.Contents, dossiers.Notice{Code: dossiers.NoticeCode(f.Kind), Page: f.Page, Where: f.Where, Name: f.Name})
	}
	return out
}

// editOf says in the words of the check what is added to a PDF.
func editOf(e dossiers.Edit) intake.Edit {
	out := intake.Edit{Annexes: e.Annexes, Specimen: e.Specimen}
	for _, m := range e.Stamps {
		out.Stamps = append(out.Stamps, intake.Stamp{Page: m.Page, X: m.X, Y: m.Y, W: m.W, H: m.H, Lines: m.Lines})
	}
	return out
}

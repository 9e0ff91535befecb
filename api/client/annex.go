package client

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"strconv"
)

// AddAnnex adds a PDF after the annexes of a dossier, as it was read. Once the
// dossier is sent it is a correction: what was decided is decided again.
func (c *Client) AddAnnex(ctx context.Context, d Dossier, pdf []byte) (Dossier, error) {
	return c.annex(ctx, d, request{
		method: http.MethodPost, path: of(d.ID) + "/documents",
		body: func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(pdf)), nil },
	}, "application/pdf")
}

// RemoveAnnex takes annex n, as the dossier numbers it, out of it, under the
// rule of AddAnnex.
func (c *Client) RemoveAnnex(ctx context.Context, d Dossier, n int) (Dossier, error) {
	return c.annex(ctx, d, request{method: http.MethodDelete, path: of(d.ID) + "/documents/" + strconv.Itoa(n)}, "")
}

func (c *Client) annex(ctx context.Context, d Dossier, r request, media string) (Dossier, error) {
	r.header = map[string]string{"If-Match": d.ETag, "Idempotency-Key": NewKey()}
	if media != "" {
		r.header["Content-Type"] = media
	}
	var out Dossier
	header, err := c.ask(ctx, r, &out)
	out.ETag = header.Get("ETag")
	return out, err
}

package client

import (
	"bytes"
	"context"
	"io"
	"net/http"
)

// Arms downloads the coat of arms of the town, a PNG or a JPEG, under the rules
// of Download; a Problem of the name "not-found" without any. The key needs
// organisation:read.
func (c *Client) Arms(ctx context.Context, to io.Writer) error {
	return c.Download(ctx, base+"/organisation/arms", to)
}

// SetArms puts a coat of arms, PNG or JPEG, in the blocks of the letters signed
// from now on, whichever the town had. The key needs organisation:manage.
func (c *Client) SetArms(ctx context.Context, image []byte) error {
	put := func(condition string) error {
		_, err := c.ask(ctx, request{
			method: http.MethodPut, path: base + "/organisation/arms",
			header: map[string]string{"Content-Type": http.DetectContentType(image), condition: "*"},
			body:   func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(image)), nil },
		}, nil)
		return err
	}
	if err := put("If-Match"); !IsProblem(err, "stale-version") {
		return err
	}
	return put("If-None-Match") // there was none
}

package signing

import (
	"context"
	"crypto"
	"fmt"
	"hash"
	"io"

	"parapheur/signing/internal/cms"
	"parapheur/signing/internal/pdf"
)

// Prepare is the first phase of a signature: it lays out the bytes to append to doc, with a hole
// for the signature, and computes the digest that the signature will cover. It needs no key and
// changes nothing. The errors are listed in the package documentation; those of doc and of
// Options.CopyTo come wrapped.
func Prepare(ctx context.Context, doc Source, opt Options) (*Prepared, error) {
	if err := opt.validate(); err != nil {
		return nil, fmt.Errorf("preparing a signature: %w", err)
	}
	p, err := prepare(ctx, doc, &opt)
	if err != nil {
		return nil, fmt.Errorf("preparing a signature: %w", err)
	}
	return p, nil
}

func prepare(ctx context.Context, doc Source, opt *Options) (*Prepared, error) {
	d, err := pdf.Open(doc, doc.Size())
	if err != nil {
		return nil, err
	}
	p := &Prepared{level: opt.Level, hash: opt.hash(), identity: opt.Identity, base: doc.Size()}
	reserve, err := p.reserve(opt)
	if err != nil {
		return nil, err
	}
	l, err := newLayout(ctx, d, opt)
	if err != nil {
		return nil, err
	}
	if p.tail, p.hole, err = l.write(reserve); err != nil {
		return nil, err
	}
	p.placed = l.placement()
	w, err := hashDocument(ctx, doc, opt.HashState, opt.CopyTo, p.hash)
	if err != nil {
		return nil, err
	}
	if p.state, err = marshalState(w); err != nil {
		return nil, err
	}
	w.Write(p.tail[:p.hole.Start])
	w.Write(p.tail[p.hole.End:])
	p.digest = w.Sum(nil)
	p.attributes, err = p.builder().SignedAttributes(p.digest)
	return p, err
}

// reserve is the size of the hole, in bytes: an exact CMS with the longest signature the key can
// make, and room for the time-stamp.
func (p *Prepared) reserve(opt *Options) (int, error) {
	attrs, err := p.builder().SignedAttributes(make([]byte, p.hash.Size()))
	if err != nil {
		return 0, err
	}
	var token []byte
	if p.level >= BT {
		n := opt.TokenReserve
		if n == 0 {
			n = defaultTokenReserve
		}
		token = make([]byte, n)
	}
	der, err := p.builder().Assemble(attrs, make([]byte, cms.MaxSignature(p.identity.Certificate)), token)
	if err != nil {
		return 0, err
	}
	return len(der), nil
}

// hashDocument returns the hash after the whole document, from its saved state when there is one,
// and copies the document to copyTo when that is not nil.
func hashDocument(ctx context.Context, doc Source, state HashState, copyTo io.Writer, h crypto.Hash) (hash.Hash, error) {
	if state == nil {
		w := h.New()
		var to io.Writer = w
		if copyTo != nil {
			to = io.MultiWriter(w, copyTo)
		}
		return w, stream(ctx, to, doc)
	}
	w, err := state.open(h)
	if err != nil {
		return nil, err
	}
	if n := state.Length(); n != doc.Size() {
		return nil, fmt.Errorf("%w: state of %d bytes, document of %d", ErrHashState, n, doc.Size())
	}
	if copyTo != nil {
		return w, stream(ctx, copyTo, doc)
	}
	return w, nil
}

// Sign prepares a signature, has it signed and time-stamped, and completes it. Options.Identity is
// taken from the signer when it is empty. tsa may be nil at level BB only. At levels BLT and BLTA it
// then augments every signature of the document, with Options.Augment; when that fails the signature
// just made is not returned, so that nobody takes it for what was asked. It returns the bytes to
// append to doc.
func Sign(ctx context.Context, doc Source, opt Options, signer Signer, tsa Timestamper) ([]byte, error) {
	if opt.Identity.Certificate == nil {
		var err error
		if opt.Identity, err = signer.Identity(ctx); err != nil {
			return nil, fmt.Errorf("asking the signer for its certificate: %w", err)
		}
	}
	job := Job{Doc: doc, Options: opt}
	p, err := prepareJob(ctx, job, opt.Identity, tsa)
	if err != nil {
		return nil, err
	}
	value, err := signer.Sign(ctx, p.ToBeSigned(), p.Hash())
	if err != nil {
		return nil, fmt.Errorf("signing the attributes: %w", err)
	}
	return finish(ctx, job, p, value, tsa)
}

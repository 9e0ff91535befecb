package migrations

import "context"

// UpTo brings a database to a version that is not the newest: what a town had.
func UpTo(ctx context.Context, dsn string, version int64) error { return upTo(ctx, dsn, version) }

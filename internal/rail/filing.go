package rail

import "context"

// Filer is a Sender whose transfers leave in files that people hand to the far side. A file is made once, and its bytes never
// change.
type Filer interface {
	Sender
	// Daily makes the files that are due by the clock, and returns their ids.
	Daily(ctx context.Context) (files []string, err error)
	// Words is what is known of each transfer of a file.
	Words(ctx context.Context, file string) ([]Word, error)

	// Handouts are the files that wait to be handed out to a folder, the oldest first.
	Handouts(ctx context.Context, limit int) ([]Handout, error)
	// Bytes is a file.
	Bytes(ctx context.Context, file string) ([]byte, error)
	// Stage records as which name somebody has a file ready to be moved into the folder. Of several the first counts: staged
	// is its name, "" when the file was handed out already.
	Stage(ctx context.Context, file, as string) (staged string, err error)
	// HandedOut records that a file was moved into the folder.
	HandedOut(ctx context.Context, file string) error
}

// Handout is a file that waits to be handed out.
type Handout struct {
	File   string // its id, which is its name too, without an ending
	Staged string // as in Stage; "": nobody has it ready
}

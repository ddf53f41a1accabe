package worker

import (
	"context"
	"time"
)

// Lists reads the lists that names are screened against again when their files change. Lists that cannot be read leave those in use
// as they are.
type Lists struct {
	*loop
	reload func() (changed bool, err error)
}

func newLists(c Config) *Lists {
	l := &Lists{loop: newLoop("lists", nil, c), reload: c.Lists}
	if l.every = c.ListsEvery; l.every == 0 {
		l.every = time.Minute
	}
	return l
}

// Run looks at the files until ctx ends.
func (l *Lists) Run(ctx context.Context) { l.run(ctx, l.RunOnce) }

// RunOnce looks at the files once and returns 1 when other lists are in use since.
func (l *Lists) RunOnce(context.Context) (int, error) {
	changed, err := l.reload()
	if err != nil || !changed {
		return 0, err
	}
	return 1, nil
}

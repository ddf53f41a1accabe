package client

import (
	"context"
	"net/http"
)

// Screening is what is looked up on the lists: a name, an address of a crypto currency, or both.
type Screening struct {
	Name      string `json:"name,omitempty" maxLength:"1024"`
	Kind      string `json:"kind,omitempty" enum:"individual,entity,vessel,aircraft" doc:"individual looks among people only, the others among the rest; absent: among all"`
	Threshold int    `json:"threshold,omitempty" minimum:"1" maximum:"1000" doc:"the least score of a hit; absent: the server's"`
	Address   string `json:"address,omitempty" maxLength:"1024"`
}

// Screened is what the lists say.
type Screened struct {
	Entries int         `json:"entries" doc:"on all lists; 0: nothing was looked through"`
	Hits    []ScreenHit `json:"hits" nullable:"false" doc:"addresses first, then names, the most alike first; at most 20 names"`
}

// ScreenHit is an entry of a list that was found.
type ScreenHit struct {
	List      string        `json:"list"`
	ID        string        `json:"id" doc:"the list's own"`
	Kind      string        `json:"kind" doc:"empty: the list does not say"`
	Name      string        `json:"name"`
	Listed    string        `json:"listed" doc:"which of its names, or which address, was found"`
	Score     int           `json:"score" doc:"0 to 1000; 1000 is the same words as written"`
	Countries []string      `json:"countries" nullable:"false"`
	Why       []ScreenMatch `json:"why" nullable:"false" doc:"the words that are alike"`
}

// ScreenMatch is a word that was asked for and one on the list.
type ScreenMatch struct {
	Asked  string `json:"asked"`
	Listed string `json:"listed"`
	Score  int    `json:"score"`
}

// Screen looks a name or an address up on the lists.
func (c *Client) Screen(ctx context.Context, s Screening) (Screened, error) {
	var got Screened
	err := c.call(ctx, http.MethodPost, "/screening", nil, s, &got)
	return got, err
}

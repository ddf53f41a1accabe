package payin

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"strings"

	"till/internal/engine"
	"till/internal/web"
)

// repeatable reads the Idempotency-Key of a request that makes something, which is answered with 201. A key
// belongs to one merchant, mode and route. Every creating route uses this and [replayed]: the engine remembers
// the answer in the transaction that makes what was asked for, and gives it to each repeat for 24 hours.
//
// show is what a repeat gets. It stands in the database, so it must hold no secret: where the first answer has
// one, show masks it.
//
// Error: invalid_value (Param: Idempotency-Key).
func repeatable[T any](r *http.Request, s engine.Scope, body web.Object, show func(made T) any) (engine.Repeatable[T], error) {
	key, err := web.IdempotencyKey(r.Header)
	if err != nil || key == "" {
		return engine.Repeatable[T]{}, err
	}
	sum := sha256.Sum256(body.Raw())
	return engine.Repeatable[T]{
		Once: &engine.Once{
			Key:  engine.AnswerKey{Scope: strings.Join([]string{s.Dialect, s.Merchant, string(s.Mode), r.Pattern}, " "), Key: key},
			Hash: hex.EncodeToString(sum[:]),
		},
		Answer: func(made T) (int, []byte) { return http.StatusCreated, encode(show(made)) },
	}, nil
}

// replayed is the answer to a repeat: the first one's, byte for byte.
func replayed(a *engine.Answer) answer { return answer{a.Status, json.RawMessage(a.Body)} }

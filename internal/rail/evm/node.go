package evm

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/common/hexutil"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/ethereum/go-ethereum/rpc"
)

const (
	maxAnswer = 64 << 20 // bytes of one answer, decompressed
	maxReason = 200      // bytes of a node's own words in our log
)

var (
	errTooLarge = errors.New("the answer is larger than is read")
	errNoBlock  = errors.New("the node does not have a block it should have")
)

// node is the far side of JSON-RPC. Every call has a deadline and reads a bounded answer. Nothing
// here is believed that does not fit what was asked.
type node struct {
	url     string // never shown
	host    string // all of the URL that may be shown: no user, path or query
	client  *rpc.Client
	http    *http.Client
	timeout time.Duration
}

// newNode makes a client that follows no redirect and asks no proxy of the environment: the URL often
// carries a key, and it should go where the config says and nowhere else.
func newNode(rawURL string, timeout time.Duration) (*node, error) {
	u, err := url.Parse(rawURL)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return nil, errors.New("the RPC URL is not an http or https URL") // not quoted: it may carry a key
	}
	n := &node{url: rawURL, host: u.Host, timeout: timeout, http: &http.Client{
		Transport:     bounded{&http.Transport{ForceAttemptHTTP2: true, IdleConnTimeout: time.Minute}, maxAnswer},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
	n.client, err = rpc.DialOptions(context.Background(), rawURL, rpc.WithHTTPClient(n.http))
	if err != nil {
		return nil, errors.New("the RPC URL cannot be used")
	}
	return n, nil
}

// call makes one call. The error never holds the URL.
func (n *node) call(ctx context.Context, result any, method string, args ...any) error {
	ctx, cancel := context.WithTimeout(ctx, n.timeout)
	defer cancel()
	if err := n.client.CallContext(ctx, result, method, args...); err != nil {
		return callError{method, err}
	}
	return nil
}

func (n *node) chainID(ctx context.Context) (uint64, error) {
	var id *hexutil.Uint64
	if err := n.call(ctx, &id, "eth_chainId"); err != nil {
		return 0, err
	}
	if id == nil {
		return 0, errors.New("eth_chainId: null")
	}
	return uint64(*id), nil
}

// header is what is needed of a block. The hash is the node's word: chains that add fields to the
// header hash it in ways of their own.
type header struct {
	number uint64
	hash   common.Hash
	parent common.Hash
	time   time.Time
}

func (n *node) latest(ctx context.Context) (header, error) {
	return n.block(ctx, "eth_getBlockByNumber", "latest")
}

func (n *node) byNumber(ctx context.Context, number uint64) (header, error) {
	h, err := n.block(ctx, "eth_getBlockByNumber", hexutil.Uint64(number))
	if err == nil && h.number != number {
		err = fmt.Errorf("eth_getBlockByNumber: asked for block %d, got %d", number, h.number)
	}
	return h, err
}

func (n *node) byHash(ctx context.Context, hash common.Hash) (header, error) {
	h, err := n.block(ctx, "eth_getBlockByHash", hash)
	if err == nil && h.hash != hash {
		err = fmt.Errorf("eth_getBlockByHash: asked for block %s, got %s", hash, h.hash)
	}
	return h, err
}

func (n *node) block(ctx context.Context, method string, which any) (header, error) {
	var b *struct {
		Number     *hexutil.Uint64 `json:"number"`
		Hash       *common.Hash    `json:"hash"`
		ParentHash *common.Hash    `json:"parentHash"`
		Timestamp  *hexutil.Uint64 `json:"timestamp"`
	}
	if err := n.call(ctx, &b, method, which, false); err != nil {
		return header{}, err
	}
	if b == nil {
		return header{}, fmt.Errorf("%s %v: %w", method, which, errNoBlock)
	}
	if b.Number == nil || b.Hash == nil || b.ParentHash == nil || b.Timestamp == nil || *b.Timestamp > 1<<40 {
		return header{}, fmt.Errorf("%s %v: the block lacks fields", method, which)
	}
	return header{
		number: uint64(*b.Number),
		hash:   *b.Hash,
		parent: *b.ParentHash,
		time:   time.Unix(int64(*b.Timestamp), 0).UTC(),
	}, nil
}

// logs calls eth_getLogs. null is no list, and no list is no proof that there are no logs.
func (n *node) logs(ctx context.Context, filter map[string]any) ([]types.Log, error) {
	var logs *[]types.Log
	if err := n.call(ctx, &logs, "eth_getLogs", filter); err != nil {
		return nil, err
	}
	if logs == nil {
		return nil, errors.New("eth_getLogs: null")
	}
	return *logs, nil
}

// receiptLogs are all logs of a block by way of its receipts, for nodes that refuse its log list.
func (n *node) receiptLogs(ctx context.Context, block common.Hash) ([]types.Log, error) {
	var receipts *[]struct {
		Status    *hexutil.Uint64 `json:"status"`
		BlockHash common.Hash     `json:"blockHash"`
		Logs      []types.Log     `json:"logs"`
	}
	if err := n.call(ctx, &receipts, "eth_getBlockReceipts", block); err != nil {
		return nil, err
	}
	if receipts == nil {
		return nil, fmt.Errorf("eth_getBlockReceipts: %w", errNoBlock)
	}
	logs := []types.Log{}
	for _, r := range *receipts {
		if r.BlockHash != block {
			return nil, errors.New("eth_getBlockReceipts: a receipt is of another block")
		}
		if r.Status != nil && *r.Status == 0 {
			continue // a failed transaction moved nothing, whatever logs are shown for it
		}
		logs = append(logs, r.Logs...)
	}
	return logs, nil
}

// decimals calls EIP-20 decimals(); the answer is the raw return data.
func (n *node) decimals(ctx context.Context, contract common.Address) ([]byte, error) {
	var answer *hexutil.Bytes
	call := map[string]any{"to": contract, "data": "0x313ce567"}
	if err := n.call(ctx, &answer, "eth_call", call, "latest"); err != nil {
		return nil, err
	}
	if answer == nil {
		return nil, errors.New("eth_call: null")
	}
	return *answer, nil
}

// callError is a failed call without the URL, and with at most a line of what the node said.
type callError struct {
	method string
	err    error
}

func (e callError) Error() string {
	text := e.err.Error()
	if u, ok := errors.AsType[*url.Error](e.err); ok {
		text = u.Err.Error()
	}
	text = strings.Join(strings.Fields(text), " ")
	if len(text) > maxReason {
		text = strings.ToValidUTF8(text[:maxReason], "") + "..."
	}
	return e.method + ": " + text
}

func (e callError) Unwrap() error { return e.err }

// refused says that the node answered and did not want to: it will say the same again, but perhaps
// not to a smaller question.
func refused(err error) bool {
	if status, ok := errors.AsType[rpc.HTTPError](err); ok {
		return status.StatusCode >= 400 && status.StatusCode < 500 && status.StatusCode != http.StatusTooManyRequests
	}
	_, said := errors.AsType[rpc.Error](err)
	return said || errors.Is(err, errTooLarge)
}

// reverted says that a contract refused a call, as opposed to a node that could not make it.
func reverted(err error) bool {
	said, ok := errors.AsType[rpc.Error](err)
	if !ok {
		return false
	}
	text := strings.ToLower(said.Error())
	for _, word := range []string{"revert", "invalid opcode", "out of gas"} {
		if strings.Contains(text, word) {
			return true
		}
	}
	return said.ErrorCode() == 3
}

// bounded limits how much of an answer is read.
type bounded struct {
	next  *http.Transport
	limit int64 // bytes
}

func (b bounded) RoundTrip(r *http.Request) (*http.Response, error) {
	answer, err := b.next.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	if answer.ContentLength > b.limit {
		answer.Body.Close()
		return nil, errTooLarge
	}
	answer.Body = &limitedBody{ReadCloser: answer.Body, left: b.limit}
	return answer, nil
}

// CloseIdleConnections lets http.Client.CloseIdleConnections through.
func (b bounded) CloseIdleConnections() { b.next.CloseIdleConnections() }

type limitedBody struct {
	io.ReadCloser
	left int64
}

func (b *limitedBody) Read(p []byte) (int, error) {
	if b.left < 0 {
		return 0, errTooLarge
	}
	if int64(len(p)) > b.left+1 {
		p = p[:b.left+1]
	}
	n, err := b.ReadCloser.Read(p)
	if b.left -= int64(n); b.left < 0 {
		return 0, errTooLarge
	}
	return n, err
}

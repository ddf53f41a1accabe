// Package e2e tests the whole program from outside: it builds the binary, runs `till dev` in a process of
// its own and knows only what a client knows, which is the file that --out writes, the documented HTTP
// APIs and the chain's own JSON-RPC. It uses nothing of the server but the operator API's client.
//
// Next to read: server_test.go (how a server is run), client_test.go (the merchant's side),
// payer_test.go (the payer's side), and then any of the tests, one file for each question.
package e2e

// Package killpoint marks the places where a crash is interesting, so that a test can let the process
// die exactly there and look at what a restart makes of it.
//
// A build with the tag killpoint reads TILL_KILLPOINT=name or name:n from the environment and kills
// the process with SIGKILL at the n-th pass (1 without n) of Here(name). Nothing is flushed or closed,
// as when the power fails. In every other build Here is empty and costs nothing; the environment is
// not read.
//
// Names are package.place ("send.posted"): what has just happened or is about to.
package killpoint

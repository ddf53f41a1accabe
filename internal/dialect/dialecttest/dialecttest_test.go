package dialecttest

import "testing"

// Every scenario is played without an API as well: none is left to a contract that might have no room for it.
func TestEveryScenario(t *testing.T) { Run(t, "none", Engine()) }

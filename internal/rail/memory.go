package rail

import (
	"encoding/json"
	"fmt"
)

// Save writes a line of a rail's memory as JSON.
func Save(m Memory, key string, value any) error {
	text, err := json.Marshal(value)
	if err != nil {
		return err
	}
	return m.Put(key, text)
}

// Load reads a line that Save wrote. It is false where there is none, and leaves into as it was then.
func Load(m Memory, key string, into any) (bool, error) {
	text, err := m.Get(key)
	if err != nil || text == nil {
		return false, err
	}
	if err := (Item{key, text}).Read(into); err != nil {
		return false, err
	}
	return true, nil
}

// Read reads a line of a list that Save wrote.
func (i Item) Read(into any) error {
	if err := json.Unmarshal(i.Value, into); err != nil {
		return fmt.Errorf("the line %s of the rail's memory cannot be read: %w", i.Key, err)
	}
	return nil
}

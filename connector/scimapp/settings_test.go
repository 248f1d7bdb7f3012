package scimapp

import (
	"encoding/json"
	"testing"
	"time"

	"lockstep"
)

func TestParseConfig(t *testing.T) {
	c, err := ParseConfig(map[string]string{
		"url": " https://example.com/scim/v2 ", "nesting": "true", "put": "false", "page_size": "50", "max_members": "", "listing_delay": "5s",
		"unique": "all",
	})
	p := c.Profile
	if err != nil || c.BaseURL != "https://example.com/scim/v2" || !p.Nesting || p.Put || p.PageSize != 50 || p.MaxMembers != 0 || p.Lag != 5*time.Second {
		t.Errorf("%+v, %v", c, err)
	}
	for value, want := range map[string]int{"users": 1, "all": 2, "none": 0} {
		c, err := ParseConfig(map[string]string{"unique": value})
		if err != nil || c.Profile.Unique == nil || len(c.Profile.Unique) != want {
			t.Errorf("unique %s: %v, %v", value, c.Profile.Unique, err)
		}
	}
	for _, bad := range []map[string]string{
		{"address": "x"}, {"nesting": "perhaps"}, {"page_size": "0"}, {"page_size": "many"}, {"max_page": "67108865"}, {"listing_delay": "-1s"}, {"unique": "groups"},
	} {
		if _, err := ParseConfig(bad); lockstep.CodeOf(err) != lockstep.CodeInvalid {
			t.Errorf("%v: %v", bad, err)
		}
	}
}

// TestTemplateSettings: the template names exactly settings that there are, with defaults that are.
func TestTemplateSettings(t *testing.T) {
	var template struct {
		Settings []struct{ Name, Default string }
	}
	if err := json.Unmarshal(Template(), &template); err != nil {
		t.Fatal(err)
	}
	if len(template.Settings) != 26 {
		t.Errorf("%d settings", len(template.Settings))
	}
	for _, s := range template.Settings {
		if _, err := ParseConfig(map[string]string{s.Name: s.Default}); err != nil {
			t.Errorf("%s: %v", s.Name, err)
		}
	}
}

// TestTimeoutSetting: how long an answer is waited for, as people write it, and within bounds.
func TestTimeoutSetting(t *testing.T) {
	for text, want := range map[string]time.Duration{"": 0, "5s": 5 * time.Second, "45": 45 * time.Second, "2m": 2 * time.Minute, "10m": 10 * time.Minute, "600": 10 * time.Minute} {
		if c, err := ParseConfig(map[string]string{"timeout": text}); err != nil || c.Timeout != want {
			t.Errorf("%q: %v, %v", text, c.Timeout, err)
		}
	}
	for _, text := range []string{"4s", "4", "0", "-30s", "10m1s", "1h", "soon", "1e9"} {
		if _, err := ParseConfig(map[string]string{"timeout": text}); lockstep.CodeOf(err) != lockstep.CodeInvalid {
			t.Errorf("%q: %v", text, err)
		}
	}
}

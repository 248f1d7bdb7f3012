package token

import "testing"

func TestProfiles(t *testing.T) {
	for name, want := range map[string]struct {
		profile             Profile
		tolerates, reported bool
	}{
		"": {profile: Generic}, "generic": {profile: Generic}, "entra": {profile: Entra}, "okta": {profile: Okta, tolerates: true}, "strict": {profile: Strict, reported: true},
	} {
		p, err := ParseProfile(name)
		if err != nil || p != want.profile || p.Tolerates() != want.tolerates || p.Reports() != want.reported {
			t.Errorf("%q: %q, %v", name, p, err)
		}
	}
	for _, name := range []string{"Okta", "azure", " "} {
		if p, err := ParseProfile(name); err == nil {
			t.Errorf("%q is %q", name, p)
		}
	}
}

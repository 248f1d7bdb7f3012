package upstream

import (
	"strings"
	"testing"

	"lockstep"
	"lockstep/sso"
)

func TestGuide(t *testing.T) {
	const back = "https://lockstep.example/sso/webex/callback"
	for _, k := range Kinds() {
		steps, err := Guide(good(k.Kind), back)
		text := encode(steps)
		asked := k.Kind != sso.KindLDAP && k.Kind != sso.KindLocal
		if err != nil || strings.Contains(text, back) != asked || strings.Contains(text, "s3cret") {
			t.Errorf("%s: got %s, %v", k.Kind, text, err)
		}
		for _, address := range []string{"http://lockstep.example/cb", "https://lockstep.example/cb?x=1", "https://lockstep.example/cb#x", "lockstep.example/cb"} {
			if steps, err := Guide(good(k.Kind), address); asked && (err == nil || steps != nil) {
				t.Errorf("%s with %s: got %v", k.Kind, address, steps)
			}
		}
	}
	if err := CheckRedirectURI("http://lockstep.example/cb"); lockstep.CodeOf(err) != lockstep.CodeIdPNotHTTPS {
		t.Errorf("got %v", err)
	}
	if err := CheckRedirectURI("http://localhost:8080/cb"); err != nil {
		t.Errorf("this machine: %v", err)
	}
	p := good(sso.KindWebexCC)
	p.Settings["region"], p.Settings["scopes"] = "gov", "openid email cjp:user cjp:config"
	steps, err := Guide(p, back)
	if text := encode(steps); err != nil || !strings.Contains(text, "https://developer-usgov.webex.com/") || !strings.Contains(text, `"cjp:user cjp:config"`) {
		t.Errorf("got %s, %v", text, err)
	}
}

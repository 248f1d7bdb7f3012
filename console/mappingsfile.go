package console

import (
	"encoding/json"
	"io"
	"net/http"
	"strconv"
	"strings"

	"lockstep"
	"lockstep/provision"
	"lockstep/rule"
)

// importView is where mappings and filters are taken over from a file.
type importView struct {
	Head    head
	Form    form
	Version string
	Done    bool     // they are in the draft, or in force
	Draft   bool     // they are in a draft
	Left    []string // what was not taken over
}

func (s *Server) showImport(w http.ResponseWriter, r *http.Request, v visit) error {
	view, _, _, err := s.importView(r, &v)
	if err != nil {
		return err
	}
	return s.render(w, r, http.StatusOK, importPage(v.page, view))
}

func (s *Server) importView(r *http.Request, v *visit) (importView, provision.Job, editing, error) {
	j, h, err := s.open(r, v, "/mappings", "import")
	if err != nil {
		return importView{}, j, editing{}, err
	}
	e, err := s.edits(r, *v, &j)
	return importView{Head: h, Version: e.version(j), Form: form{Fields: []field{
		{Name: "schema", Label: "Or paste it", Kind: textField, Code: true},
	}}}, j, e, err
}

// importRules takes mappings and filters over from a schema that was sent as a file or pasted.
func (s *Server) importRules(w http.ResponseWriter, r *http.Request, v visit) error {
	view, j, e, err := s.importView(r, &v)
	if err != nil {
		return err
	}
	schema := []byte(r.FormValue("schema"))
	if f, _, err := r.FormFile("file"); err == nil {
		text, err := io.ReadAll(io.LimitReader(f, rule.MaxEntra+1))
		_ = f.Close()
		if err != nil {
			return err
		}
		if len(text) > 0 {
			schema = text
		}
	}
	rules, left, err := s.Operator.ReadRules(r.Context(), v.who, j.Slug, j.Rules, schema)
	if err == nil {
		_, err = s.saveRules(r, v, e, j.Slug, rules, "")
	}
	if code := lockstep.CodeOf(err); code == lockstep.CodeMapSyntax || code == lockstep.CodeVersion {
		f := view.Form.get("schema")
		if f.Error = sentenceOf(err); len(schema) < 64<<10 { // more is not sent back
			f.Value = string(schema)
		}
		return s.render(w, r, http.StatusUnprocessableEntity, importPage(v.page, view))
	} else if err != nil {
		return err
	}
	fresh, _, _, err := s.importView(r, &v) // the bar knows of the draft now
	if err != nil {
		return err
	}
	fresh.Done, fresh.Draft, fresh.Left = true, e.Draft, left
	return s.render(w, r, http.StatusOK, importPage(v.page, fresh))
}

// exportRules sends mappings and filters as they are in the draft, or in force where there is none.
func (s *Server) exportRules(w http.ResponseWriter, r *http.Request, v visit) error {
	j, err := s.Operator.Job(r.Context(), v.who, r.PathValue("slug"))
	if err != nil {
		return err
	}
	if _, err := s.edits(r, v, &j); err != nil {
		return err
	}
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Content-Disposition", "attachment; filename="+strconv.Quote(j.Slug+"-mappings-"+s.now().UTC().Format("2006-01-02")+".json"))
	return json.NewEncoder(w).Encode(j.Rules)
}

// importLead says what the page is for.
func importLead(h head) string {
	return "A provisioning schema that Microsoft Entra ID exported (Provisioning, Edit attribute mappings, Review your schema, Download), or mappings that were exported here. " +
		"Mappings and scoping filters of " + strings.TrimSpace(h.Job.Name) + " are replaced for the types of object that it speaks of; what cannot work here is left out and named."
}

package console

import (
	"errors"
	"io"
	"net/http"

	"lockstep"
	"lockstep/operate"
	"lockstep/provision"
	"lockstep/words"
)

// upload is one file of a source that can be sent from here.
type upload struct{ Which, Label, Name string }

// uploads are the files that a source reads; none when it reads no files.
func (s *Server) uploads(t operate.Template, j provision.Job) []upload {
	if t.Kind != "csvfile" || j.Direction != provision.Inbound || s.Operator.Files == nil {
		return nil
	}
	var all []upload
	for _, one := range t.Settings {
		if one.Name != "people" && one.Name != "groups" && one.Name != "memberships" {
			continue
		}
		name := j.Connection.Settings[one.Name]
		if name == "" {
			name = one.Default
		}
		all = append(all, upload{Which: one.Name, Label: words.Upper(one.Label), Name: name})
	}
	return all
}

// putFiles puts the files that were chosen where the source reads them, and tests whether they can be read. The parts of the body are
// taken one after the other as they come, so that nothing is kept in memory or anywhere else.
func (s *Server) putFiles(w http.ResponseWriter, r *http.Request, v visit) error {
	view, j, err := s.connectionView(r, &v)
	if err != nil {
		return err
	}
	parts, err := r.MultipartReader()
	if err != nil {
		return &lockstep.Error{Code: lockstep.CodeInvalid, Detail: "This is no form with files."}
	}
	sent := 0
	for {
		part, err := parts.NextPart()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
		if part.FileName() == "" { // nothing was chosen
			continue
		}
		if _, err := s.Operator.PutSourceFile(r.Context(), v.who, j.Slug, part.FormName(), part); err != nil {
			if view.Uploads.wrong(err) != nil {
				return err
			}
			return s.render(w, r, http.StatusUnprocessableEntity, connectionPage(v.page, view))
		}
		sent++
	}
	if sent == 0 {
		view.Uploads.Wrong = []string{"Choose a file first."}
		return s.render(w, r, http.StatusUnprocessableEntity, connectionPage(v.page, view))
	}
	view.Sent = words.Many(sent, "file is in its place.", "files are in their places.")
	return s.test(w, r, v, view, j)
}

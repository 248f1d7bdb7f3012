package store

import (
	"path/filepath"
	"strings"
	"testing"

	"lockstep/mirror"
)

// TestMirrorPlans: SQLite finds the rows of a mirror by an index in each statement that runs once a page or more often.
func TestMirrorPlans(t *testing.T) {
	db, err := Open(t.Context(), Config{SQLite: filepath.Join(t.TempDir(), "lockstep.db")})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	}()
	rows := func(q mirror.Query) string {
		where, args := mirrorRowsWhere(q, 1)
		return "SELECT " + mirrorRowColumns + withDocs + where + limitTo(&args, 10)
	}
	for _, c := range []struct{ text, want string }{
		{"SELECT " + knownColumns + " FROM mirror_row WHERE mirror = $1 AND type = $2 AND id IN (@list)", "SEARCH mirror_row USING INDEX mirror_id (mirror=? AND type=? AND id=?)"},
		{"SELECT no, document FROM mirror_doc WHERE no IN (@list)", "SEARCH mirror_doc USING INTEGER PRIMARY KEY (rowid=?)"},
		{deleteMirrorKeys.render(2, positional), "SEARCH mirror_key USING PRIMARY KEY (mirror=? AND type=? AND attribute=? AND value=? AND no=?)"},
		{deleteRefers.render(2, positional), "SEARCH mirror_refers USING PRIMARY KEY (mirror=? AND name=? AND no=?)"},
		{deleteNames.render(2, positional), "SEARCH mirror_name USING PRIMARY KEY (mirror=? AND name=? AND type=?)"},
		{movePositions.render(2, positional), "SEARCH mirror_row USING INTEGER PRIMARY KEY (rowid=?)"},
		{"SELECT no FROM mirror_refers WHERE mirror = $1 AND name IN (@list)", "SEARCH mirror_refers USING PRIMARY KEY (mirror=? AND name=?)"},
		{rows(mirror.Query{Order: mirror.ByPosition, UpTo: 9}), "SEARCH r USING INDEX mirror_position (mirror=? AND type=? AND position>? AND position<?)"},
		{rows(mirror.Query{}), "SEARCH r USING INTEGER PRIMARY KEY (rowid>? AND rowid<?)"},
		{rows(mirror.Query{States: []mirror.State{mirror.Hidden}}), "USING INDEX mirror_state (mirror=? AND type=? AND state=?"},
		{looseRows, "SEARCH mirror_row USING COVERING INDEX mirror_id (mirror=? AND type=? AND id>?)"},
		{looseLinks, "SEARCH link USING COVERING INDEX link_target (job=? AND type=? AND target>? AND target<?)"},
		{looseGone, "USING COVERING INDEX mirror_state (mirror=? AND type=? AND state=?"},
		{looseText, "SEARCH k USING PRIMARY KEY (mirror=? AND type=?)"},
		{looseID, "USING COVERING INDEX mirror_id (mirror=? AND type=? AND id=?)"},
		{rows(mirror.Query{Asked: true}), "SEARCH r USING INDEX mirror_ask (mirror=?"},
		{selectFound, "SEARCH k USING PRIMARY KEY (mirror=? AND type=? AND attribute=? AND value=?)"},
		{"SELECT n.name, n.type, r.id FROM mirror_name n JOIN mirror_row r ON r.no = n.no WHERE n.mirror = " + mirrorOf + " AND n.name IN (@list)", "SEARCH n USING PRIMARY KEY (mirror=? AND name=?)"},
		{"DELETE FROM mirror_row WHERE (no) IN (SELECT no FROM mirror_row WHERE " + ofMirror + " LIMIT 10)", "SEARCH mirror_row USING INTEGER PRIMARY KEY (rowid>? AND rowid<?)"},
	} {
		plan := explain(t, db, strings.Replace(c.text, "@list", "?,?", 1))
		if !strings.Contains(plan, c.want) || strings.Contains(plan, "SCAN mirror") || strings.Contains(plan, "SCAN r\n") {
			t.Errorf("%s\ngoes\n%s\nnot by\n%s", c.text, plan, c.want)
		}
	}
}

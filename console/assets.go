package console

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"io/fs"
	"net/http"
	"path"
	"slices"
	"strings"

	"lockstep"
	"lockstep/web"
)

//go:embed static
var static embed.FS

// assetPrefix is where the assets stand. The path has a hash of the content, so a browser may keep them for good.
const assetPrefix = "/static/"

// asset is a file that pages load.
type asset struct {
	hash, kind string
	plain      []byte
	zipped     []byte // nil when it does not pay
}

// assets are the files by name.
type assets map[string]asset

// kinds are the files that are served; a licence and a README are not.
var kinds = map[string]string{
	".css": "text/css; charset=utf-8",
	".js":  "text/javascript; charset=utf-8",
	".svg": "image/svg+xml",
}

func newAssets() assets {
	all := assets{}
	err := fs.WalkDir(static, "static", func(name string, d fs.DirEntry, err error) error {
		kind := kinds[path.Ext(name)]
		if err != nil || d.IsDir() || kind == "" {
			return err
		}
		plain, err := static.ReadFile(name)
		if err != nil {
			return err
		}
		if name == "static/console.css" {
			plain = slices.Concat([]byte(web.Tokens()), plain)
		}
		sum := sha256.Sum256(plain)
		all[strings.TrimPrefix(name, "static/")] = asset{hash: hex.EncodeToString(sum[:8]), kind: kind, plain: plain, zipped: zip(plain)}
		return nil
	})
	if err != nil {
		panic(err) //nolint:forbidigo // the files are part of the program: they are there or it was not built
	}
	return all
}

func zip(plain []byte) []byte {
	var out bytes.Buffer
	z := gzip.NewWriter(&out)
	_, _ = z.Write(plain) // writing to memory does not fail
	_ = z.Close()
	if out.Len() >= len(plain) {
		return nil
	}
	return out.Bytes()
}

// url is the address of an asset. Every name that templates use is checked by a test.
func (a assets) url(name string) string { return assetPrefix + a[name].hash + "/" + name }

func (s *Server) asset(w http.ResponseWriter, r *http.Request) error {
	f, ok := s.files[r.PathValue("name")]
	if !ok || f.hash != r.PathValue("hash") {
		return &lockstep.Error{Code: lockstep.CodeNotFound, Detail: "There is no such file."}
	}
	w.Header().Set("Cache-Control", "public, max-age=31536000, immutable")
	return serveAsset(w, r, f)
}

// favicon is what browsers ask for at a page that names no icon, such as the text of an asset.
func (s *Server) favicon(w http.ResponseWriter, r *http.Request) error {
	w.Header().Set("Cache-Control", "public, max-age=86400")
	return serveAsset(w, r, s.files["icon.svg"])
}

func serveAsset(w http.ResponseWriter, r *http.Request, f asset) error {
	h := w.Header()
	h.Set("Content-Type", f.kind)
	h.Set("Vary", "Accept-Encoding")
	body := f.plain
	if f.zipped != nil && strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") {
		h.Set("Content-Encoding", "gzip")
		body = f.zipped
	}
	_, err := w.Write(body)
	return err
}

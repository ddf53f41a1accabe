package page

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io/fs"
	"mime"
	"net/http"
	"path"
	"strings"
)

// AssetPath is where [Kit.Assets] must be mounted, at the root of the server.
const AssetPath = "/assets/"

// asset is one of the kit's files. Its name holds a hash of what is in it, so that a browser may keep it for
// ever.
type asset struct {
	name string // "style.1f2e3d4c5b6a.css"
	kind string // Content-Type
	body []byte
}

func readAssets(from fs.FS) (map[string]asset, error) {
	names, err := fs.Glob(from, "static/*")
	if err != nil {
		return nil, err
	}
	found := map[string]asset{}
	for _, name := range names {
		body, err := fs.ReadFile(from, name)
		if err != nil {
			return nil, err
		}
		sum := sha256.Sum256(body)
		end := path.Ext(name)
		plain := path.Base(name)
		found[plain] = asset{
			name: strings.TrimSuffix(plain, end) + "." + hex.EncodeToString(sum[:8]) + end,
			kind: mime.TypeByExtension(end), body: body,
		}
	}
	return found, nil
}

func (k *Kit) assetURL(plain string) (string, error) {
	a, ok := k.assets[plain]
	if !ok {
		return "", fmt.Errorf("there is no file %s", plain)
	}
	return k.base + AssetPath + a.name, nil
}

// Assets serves the kit's files below [AssetPath]. A name with another hash is not found: half of a new
// version is worse than none.
func (k *Kit) Assets() http.Handler {
	byName := map[string]asset{}
	for _, a := range k.assets {
		byName[a.name] = a
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("X-Content-Type-Options", "nosniff")
		a, ok := byName[strings.TrimPrefix(r.URL.Path, AssetPath)]
		if !ok || r.Method != http.MethodGet && r.Method != http.MethodHead {
			h.Set("Cache-Control", "no-store")
			http.NotFound(w, r)
			return
		}
		h.Set("Content-Type", a.kind)
		h.Set("Cache-Control", "public, max-age=31536000, immutable")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		if r.Method == http.MethodGet {
			w.Write(a.body) // an error here means that the reader has left
		}
	})
}

package page

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io/fs"
	"net/http"
	"path"
	"strings"
	"time"
)

const staticPrefix = "/static/"

// assetTypes is closed: whatever is not listed is not served, and no type is
// guessed from content.
var assetTypes = map[string]string{
	".css":   "text/css; charset=utf-8",
	".js":    "text/javascript; charset=utf-8",
	".svg":   "image/svg+xml",
	".png":   "image/png",
	".ico":   "image/x-icon",
	".woff2": "font/woff2",
	".txt":   "text/plain; charset=utf-8",
}

// hashAssets maps « relais.css » to « /static/relais.0123456789ab.css ».
func hashAssets(fsys fs.FS) (map[string]string, error) {
	hrefs := map[string]string{}
	err := fs.WalkDir(fsys, "static", func(file string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		content, err := fs.ReadFile(fsys, file)
		if err != nil {
			return err
		}
		name := strings.TrimPrefix(file, "static/")
		hrefs[name] = staticPrefix + hashedName(name, content)
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("static files: %w", err)
	}
	return hrefs, nil
}

func hashedName(name string, content []byte) string {
	sum := sha256.Sum256(content)
	ext := path.Ext(name)
	return strings.TrimSuffix(name, ext) + "." + hex.EncodeToString(sum[:6]) + ext
}

// Static serves GET and HEAD of /static/…, compressed where the browser can read
// it. A hashed name may be kept for a year; a plain name is revalidated each
// time. Nothing else of fsys can be reached, and folders are not listed.
func Static(fsys fs.FS) http.Handler {
	assets, err := loadAssets(fsys)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		found, ok := assets[strings.TrimPrefix(r.URL.Path, staticPrefix)]
		if err != nil || !ok {
			w.WriteHeader(http.StatusNotFound)
			return
		}
		header := w.Header()
		header.Set("Content-Type", found.contentType)
		header.Set("X-Content-Type-Options", "nosniff")
		header.Set("ETag", found.etag)
		header.Set("Cache-Control", found.cache)
		header.Set("Vary", "Accept-Encoding")
		content := found.content
		if strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") {
			header.Set("Content-Encoding", "gzip")
			header.Set("ETag", strings.TrimSuffix(found.etag, `"`)+`-gzip"`)
			content = found.packed
		}
		http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(content))
	})
}

type asset struct {
	content, packed          []byte // as it is, and in gzip
	contentType, etag, cache string
}

// pack compresses what is the same for everybody. Pages are not: they hold what
// people typed beside what they must not know.
func pack(content []byte) ([]byte, error) {
	var out bytes.Buffer
	z, err := gzip.NewWriterLevel(&out, gzip.BestCompression)
	if err != nil {
		return nil, err
	}
	if _, err := z.Write(content); err != nil {
		return nil, err
	}
	if err := z.Close(); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}

// loadAssets indexes every file under both its names.
func loadAssets(fsys fs.FS) (map[string]asset, error) {
	hrefs, err := hashAssets(fsys)
	if err != nil {
		return nil, err
	}
	assets := map[string]asset{}
	for name, href := range hrefs {
		contentType, ok := assetTypes[path.Ext(name)]
		if !ok {
			continue
		}
		content, err := fs.ReadFile(fsys, "static/"+name)
		if err != nil {
			return nil, err
		}
		hashed := strings.TrimPrefix(href, staticPrefix)
		packed, err := pack(content)
		if err != nil {
			return nil, fmt.Errorf("static file %s: %w", name, err)
		}
		one := asset{content, packed, contentType, `"` + hashed + `"`, "no-cache"}
		assets[name] = one
		one.cache = "public, max-age=31536000, immutable"
		assets[hashed] = one
	}
	return assets, nil
}

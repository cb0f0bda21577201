package web

import (
	"bytes"
	"cmp"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io/fs"
	"net/http"
	"path"
	"strconv"
	"strings"
	"time"

	"github.com/certhall/certhall/locale"
)

// Pages with a part of their own.
const (
	indexPage    = "index.html"
	browsersPage = "browsers.html" // without scripts, for browsers that cannot show the others
	assetFolder  = "assets/"       // files whose names change with what is in them
)

// kinds are the content types of what pages are made of, by extension; the
// machine's own table is not asked, which differs from one to the next.
var kinds = map[string]string{
	".html": "text/html; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".css": "text/css; charset=utf-8",
	".json": "application/json", ".map": "application/json", ".webmanifest": "application/manifest+json",
	".svg": "image/svg+xml", ".png": "image/png", ".ico": "image/x-icon", ".webp": "image/webp", ".woff2": "font/woff2",
	".txt": "text/plain; charset=utf-8", ".mobileconfig": "application/x-apple-aspen-config", ".reg": "text/plain; charset=utf-8",
}

// page is one file, read and compressed once.
type page struct {
	kind    string
	cache   string
	vary    string
	tag     string // in quotes; of the compressed form another
	plain   []byte
	gzipped []byte // nil where compressing gains nothing
}

// pages are the portal's files by their names.
type pages struct {
	files  map[string]*page
	policy string // Content-Security-Policy
}

// readPages reads every file but hidden ones; files nil has none.
func readPages(files fs.FS, agentPorts []int) *pages {
	p := &pages{files: map[string]*page{}, policy: policyFor(agentPorts)}
	if files == nil {
		return p
	}
	err := fs.WalkDir(files, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || strings.HasPrefix(d.Name(), ".") {
			return err
		}
		data, err := fs.ReadFile(files, name)
		if err == nil {
			p.files[name], err = newPage(name, data)
		}
		return err
	})
	if err != nil {
		panic("web: " + err.Error()) // they are part of the program
	}
	return p
}

func newPage(name string, data []byte) (*page, error) {
	digest := sha256.Sum256(data)
	p := &page{
		kind: cmp.Or(kinds[path.Ext(name)], "application/octet-stream"), cache: "no-cache", vary: "Accept-Encoding",
		tag: `"` + hex.EncodeToString(digest[:12]) + `"`, plain: data,
	}
	switch {
	case strings.HasPrefix(name, assetFolder):
		p.cache = "public, max-age=31536000, immutable"
	case name == indexPage, name == browsersPage: // two at one address
		p.vary = "Accept-Encoding, User-Agent"
	}
	var small bytes.Buffer
	w, err := gzip.NewWriterLevel(&small, gzip.BestCompression)
	if err != nil {
		return nil, err
	}
	if _, err := w.Write(data); err != nil {
		return nil, err
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	if small.Len() < len(data)*9/10 {
		p.gzipped = small.Bytes()
	}
	return p, nil
}

// register gives each file its address, and the portal the top one.
func (p *pages) register(mux *http.ServeMux) {
	for name, file := range p.files {
		mux.HandleFunc("GET /"+name, func(w http.ResponseWriter, r *http.Request) { p.serve(w, r, file) })
	}
	mux.HandleFunc("GET /{$}", p.top)
}

// top is the portal; browsers that cannot show it are told which can.
func (p *pages) top(w http.ResponseWriter, r *http.Request) {
	file := p.files[indexPage]
	if browsers := p.files[browsersPage]; browsers != nil && isInternetExplorer(r.UserAgent()) {
		file = browsers
	}
	if file == nil {
		w.Header().Set("Content-Type", kinds[".txt"])
		w.WriteHeader(http.StatusServiceUnavailable)
		fmt.Fprintf(w, "%s\n%s\n", locale.Text(locale.Chinese, "page.unbuilt", nil), locale.Text(locale.English, "page.unbuilt", nil))
		return
	}
	p.serve(w, r, file)
}

func (p *pages) serve(w http.ResponseWriter, r *http.Request, file *page) {
	h := w.Header()
	p.secure(h)
	h.Set("Content-Type", file.kind)
	h.Set("Cache-Control", file.cache)
	h.Set("Vary", file.vary)
	body, tag := file.plain, file.tag
	if file.gzipped != nil && takesGzip(r.Header.Get("Accept-Encoding")) {
		body, tag = file.gzipped, strings.TrimSuffix(tag, `"`)+`-gz"`
		h.Set("Content-Encoding", "gzip")
	}
	h.Set("ETag", tag)
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(body))
}

// secure sets what holds for pages beyond what holds for every answer.
func (p *pages) secure(h http.Header) {
	h.Set("Content-Security-Policy", p.policy)
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Permissions-Policy", permissions)
}

// permissions: pages reach the agent on the PC's own address, and nothing else
// of the PC.
const permissions = "camera=(), microphone=(), geolocation=(), payment=(), usb=(), serial=(), hid=(), midi=(), " +
	"display-capture=(), clipboard-read=(), loopback-network=(self), local-network-access=(self)"

// policyFor lets pages load what the hall serves, and call the hall and the
// agent's ports.
func policyFor(agentPorts []int) string {
	calls := "'self'"
	for _, port := range agentPorts {
		calls += " http://127.0.0.1:" + strconv.Itoa(port)
	}
	return "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; connect-src " + calls +
		"; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
}

func isInternetExplorer(agent string) bool {
	return strings.Contains(agent, "MSIE ") || strings.Contains(agent, "Trident/")
}

// takesGzip reads Accept-Encoding (RFC 9110, 12.5.3).
func takesGzip(accepted string) bool {
	for part := range strings.SplitSeq(accepted, ",") {
		coding, weight, _ := strings.Cut(part, ";")
		if name := strings.ToLower(strings.TrimSpace(coding)); name != "gzip" && name != "*" {
			continue
		}
		q, err := strconv.ParseFloat(strings.TrimPrefix(strings.ReplaceAll(weight, " ", ""), "q="), 64)
		return err != nil || q > 0
	}
	return false
}

package doctor

import (
	"maps"

	"github.com/certhall/certhall/locale"
)

// Reader is for whom findings are put into words.
type Reader string

// The readers.
const (
	Terminal Reader = ""
	Page     Reader = ".page" // who knows no command line, and has this hall before him
)

// Words are what was found, and what to do next (nothing, where it is fine).
// The texts are "doctor.CODE" and "doctor.CODE.hint"; a page has its own under
// "….page" where they differ.
func (f Finding) Words(lang string, r Reader) (message, hint string) {
	params := maps.Clone(f.Params)
	params["who"] = locale.Text(lang, "doctor.who", params)
	if f.known != nil {
		params["name"] = f.known.Names[lang]
		params["who"] = locale.Text(lang, "doctor.who.known", params)
	}
	stop := ""
	if f.cause != nil {
		params["message"], stop = locale.Error(lang, f.cause)
	}
	message = text(lang, "doctor."+f.Code, r, params)
	switch {
	case f.Verdict == Fine:
		return message, ""
	case stop != "":
		return message, stop
	case f.known != nil:
		return message, text(lang, "doctor.stop."+f.known.Stop, r, params)
	}
	return message, text(lang, "doctor."+f.Code+".hint", r, params)
}

func text(lang, key string, r Reader, params map[string]string) string {
	if own := key + string(r); locale.Text(lang, own, nil) != own {
		key = own
	}
	return locale.Text(lang, key, params)
}

package session

import "strings"

// device names the browser and the system by family, from a User-Agent. It is
// shown to the session's owner so that they recognise theirs; the rest of the
// User-Agent is not kept. The order matters: most browsers claim to be others.
func device(userAgent string) string {
	browser := family(userAgent, [][2]string{
		{"Edg/", "Edge"}, {"OPR/", "Opera"}, {"SamsungBrowser/", "Samsung Internet"}, {"Firefox/", "Firefox"},
		{"FxiOS/", "Firefox"}, {"CriOS/", "Chrome"}, {"Chrome/", "Chrome"}, {"Safari/", "Safari"},
	})
	system := family(userAgent, [][2]string{
		{"Windows", "Windows"}, {"Android", "Android"}, {"iPhone", "iPhone"}, {"iPad", "iPad"},
		{"Mac OS X", "macOS"}, {"CrOS", "ChromeOS"}, {"Linux", "Linux"},
	})
	switch {
	case browser != "" && system != "":
		return browser + " sur " + system
	case browser != "":
		return browser
	case system != "":
		return "Navigateur sur " + system
	}
	return "Navigateur inconnu"
}

func family(userAgent string, families [][2]string) string {
	for _, f := range families {
		if strings.Contains(userAgent, f[0]) {
			return f[1]
		}
	}
	return ""
}

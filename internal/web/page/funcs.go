package page

import (
	"fmt"
	"html/template"
	"reflect"
	"strconv"
	"strings"
	"time"
)

var months = [...]string{"janvier", "février", "mars", "avril", "mai", "juin", "juillet",
	"août", "septembre", "octobre", "novembre", "décembre"}

// funcs are what templates may call. Times given in UTC are shown in zone;
// times that carry another zone (a structure's) are shown in theirs.
func funcs(zone *time.Location, assets map[string]string) template.FuncMap {
	local := func(t time.Time) time.Time {
		if t.Location() == time.UTC {
			return t.In(zone)
		}
		return t
	}
	return template.FuncMap{
		"date":      func(t time.Time) string { return Date(local(t)) },
		"dateHeure": func(t time.Time) string { return DateTime(local(t)) },
		"heure":     func(t time.Time) string { return Hour(local(t)) },
		"iso":       func(t time.Time) string { return local(t).Format(time.RFC3339) },
		"numero":    func(v any) (string, error) { return onText(v, Number) },
		"telephone": func(v any) (string, error) { return onText(v, Telephone) },
		"siret":     func(v any) (string, error) { return onText(v, Siret) },
		"birthdate": func(v any) (string, error) { return onText(v, Birthdate) },
		"jours":     func(n int) string { return plural(n, "jour") },
		"compte":    plural,
		"asset": func(name string) (string, error) {
			href, ok := assets[name]
			if !ok {
				return "", fmt.Errorf("no static file %q", name)
			}
			return href, nil
		},
		"dict":       dict,
		"field":      newField,
		"alert":      newAlert,
		"tag":        newTag,
		"stepper":    newStepper,
		"pagination": newPagination,
		"empty":      newEmpty,
		"link":       func(href, text string) Link { return Link{href, text} },
		"picto":      func(name, title, text string) Picto { return Picto{name, title, text} },
	}
}

// onText accepts string and any type made from it, such as a mandat's number.
func onText(v any, show func(string) string) (string, error) {
	value := reflect.ValueOf(v)
	if value.Kind() == reflect.Pointer && !value.IsNil() {
		value = value.Elem()
	}
	if value.Kind() != reflect.String {
		return "", fmt.Errorf("%T is not a text", v)
	}
	return show(value.String()), nil
}

// Date is « 21 novembre 2026 », « 1er mars 2027 », "" for the zero time, in
// the zone the time carries.
func Date(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return dayInWords(t.Day()) + " " + months[t.Month()-1] + " " + strconv.Itoa(t.Year())
}

// DayMonth is « 21 novembre », for where the year is told elsewhere.
func DayMonth(t time.Time) string { return dayInWords(t.Day()) + " " + months[t.Month()-1] }

// Month is « novembre 2026 ».
func Month(t time.Time) string { return months[t.Month()-1] + " " + strconv.Itoa(t.Year()) }

// Hour is « 14 h 05 », in the zone the time carries.
func Hour(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return fmt.Sprintf("%d h %02d", t.Hour(), t.Minute())
}

// DateTime is « 21 novembre 2026 à 14 h 05 », in the zone the time carries.
func DateTime(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return Date(t) + " à " + Hour(t)
}

func dayInWords(day int) string {
	if day == 1 {
		return "1er"
	}
	return strconv.Itoa(day)
}

// Birthdate shows a civil date written AAAA-MM-JJ: « 3 mars 1948 », or, where
// the record does not know the day or the month, « mars 1948 » and « 1948 ».
// A text of another shape is shown as it is.
func Birthdate(s string) string {
	var year, month, day int
	if n, err := fmt.Sscanf(s, "%4d-%2d-%2d", &year, &month, &day); err != nil || n != 3 || len(s) != 10 || month > 12 {
		return s
	}
	if month <= 0 {
		return strconv.Itoa(year)
	}
	if day <= 0 {
		return months[month-1] + " " + strconv.Itoa(year)
	}
	return dayInWords(day) + " " + months[month-1] + " " + strconv.Itoa(year)
}

// Number groups a mandat's number by four: « BCDF GHJK ».
func Number(s string) string { return group(strings.ReplaceAll(s, " ", ""), 4, 4, 4, 4, 4, 4) }

// Telephone writes a French number as it is dialled and read aloud, in pairs:
// « 01 99 00 01 10 ». Another one stays as it is.
func Telephone(s string) string {
	for _, country := range []string{"+33", "+262", "+590", "+594", "+596"} {
		if national, ok := strings.CutPrefix(s, country); ok && len(national) == 9 {
			return group("0"+national, 2, 2, 2, 2, 2)
		}
	}
	return s
}

// Siret groups fourteen digits as they are read aloud: « 130 025 265 00013 ».
func Siret(s string) string {
	if len(s) != 14 {
		return s
	}
	return group(s, 3, 3, 3, 5)
}

func group(s string, sizes ...int) string {
	var groups []string
	for _, size := range sizes {
		if len(s) <= size {
			break
		}
		groups, s = append(groups, s[:size]), s[size:]
	}
	return strings.Join(append(groups, s), " ")
}

// plural is « 1 jour », « 31 jours », « 0 jour ».
func plural(n int, noun string) string {
	if n > 1 || n < -1 {
		return strconv.Itoa(n) + " " + noun + "s"
	}
	return strconv.Itoa(n) + " " + noun
}

// dict makes a map from pairs, for the rare partial that takes two values.
func dict(pairs ...any) (map[string]any, error) {
	if len(pairs)%2 != 0 {
		return nil, fmt.Errorf("dict: an even number of values is needed")
	}
	m := map[string]any{}
	for i := 0; i < len(pairs); i += 2 {
		key, ok := pairs[i].(string)
		if !ok {
			return nil, fmt.Errorf("dict: key %v is not a string", pairs[i])
		}
		m[key] = pairs[i+1]
	}
	return m, nil
}

package config

import (
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// data reads the data folder: private when it exists, else in a place where
// Relais may make it.
func (s *source) data() string {
	value := s.require(varData, "indiquez le dossier des clés, par exemple /var/lib/relais")
	if value == "" {
		return ""
	}
	info, err := os.Stat(value)
	if errors.Is(err, fs.ErrNotExist) {
		if !creatable(value) {
			s.refuse(varData, "n'existe pas et Relais ne peut pas le créer",
				fmt.Sprintf("créez-le pour le compte de Relais : mkdir -p -m 700 '%s'", value))
		}
		return value
	}
	if err != nil || !info.IsDir() {
		s.refuse(varData, "ne désigne pas un dossier accessible", "indiquez un dossier qui appartient au compte de Relais")
		return value
	}
	s.privateFolder(varData, value, info)
	if syscall.Access(value, wantWrite) != nil {
		s.refuse(varData, "désigne un dossier où Relais ne peut pas écrire", "donnez le dossier au compte de Relais (chown)")
	}
	return value
}

// wantWrite is W_OK|X_OK of access(2).
const wantWrite = 0x2 | 0x1

// creatable asks whether the nearest existing parent accepts a new folder.
func creatable(path string) bool {
	for {
		path = filepath.Dir(path)
		info, err := os.Stat(path)
		if err == nil {
			return info.IsDir() && syscall.Access(path, wantWrite) == nil
		}
		if !errors.Is(err, fs.ErrNotExist) || path == filepath.Dir(path) {
			return false
		}
	}
}

func (s *source) privateFolder(variable, path string, info fs.FileInfo) {
	if info.Mode().Perm()&0o077 != 0 {
		s.refuse(variable, fmt.Sprintf("désigne un dossier ouvert à d'autres comptes (%s, mode %04o)", path, info.Mode().Perm()),
			fmt.Sprintf("choisissez un dossier propre à Relais, puis : chmod 700 '%s'", path))
	}
}

// privateFile checks a file that holds secrets: a group may read it (as
// Debian's ssl-cert does), nobody else.
func (s *source) privateFile(variable, path string) bool {
	info, err := os.Stat(path)
	if err != nil || !info.Mode().IsRegular() {
		s.refuse(variable, "ne désigne pas un fichier lisible", "corrigez le chemin ou les droits")
		return false
	}
	if info.Mode().Perm()&0o037 != 0 {
		s.refuse(variable, fmt.Sprintf("désigne un fichier secret ouvert à d'autres comptes (mode %04o)", info.Mode().Perm()),
			fmt.Sprintf("lancez : chmod 600 '%s'", path))
		return false
	}
	return true
}

func (s *source) database(data string) Database {
	value := s.require(varDatabase, "indiquez sqlite:CHEMIN ou postgres://…")
	if path, ok := strings.CutPrefix(value, "sqlite:"); ok {
		return s.sqlite(path, data)
	}
	if strings.HasPrefix(value, "postgres://") || strings.HasPrefix(value, "postgresql://") {
		return s.postgres(value)
	}
	if value != "" {
		s.refuse(varDatabase, "ne commence ni par sqlite: ni par postgres://", "écrivez par exemple sqlite:/var/lib/relais/relais.db")
	}
	return Database{}
}

// sqlite wants the folder of the file closed to others, since SQLite makes its
// files (the WAL too) with the mode of the umask. The data folder itself may
// still have to be made.
func (s *source) sqlite(path, data string) Database {
	if path == "" || path == ":memory:" || strings.HasPrefix(path, "file:") || strings.HasPrefix(path, "//") {
		s.refuse(varDatabase, "ne donne pas le chemin d'un fichier", "écrivez par exemple sqlite:/var/lib/relais/relais.db")
		return Database{}
	}
	if info, err := os.Stat(path); err == nil && !info.Mode().IsRegular() {
		s.refuse(varDatabase, "désigne autre chose qu'un fichier", "ajoutez le nom du fichier au chemin")
		return Database{}
	}
	folder := filepath.Dir(path)
	info, err := os.Stat(folder)
	if err == nil && info.IsDir() {
		if folder != filepath.Clean(data) { // the data folder was checked under its own name
			s.privateFolder(varDatabase, folder, info)
		}
		return Database{Engine: SQLite, Path: path}
	}
	if data == "" || folder != filepath.Clean(data) {
		s.refuse(varDatabase, "place la base dans un dossier qui n'existe pas", fmt.Sprintf("créez-le : mkdir -p -m 700 '%s'", folder))
	}
	return Database{Engine: SQLite, Path: path}
}

// postgres checks what the driver would do with the address. No problem quotes
// it, since it may hold a password.
func (s *source) postgres(value string) Database {
	const example = "écrivez postgres://compte:motdepasse@hote/base?sslmode=verify-full"
	u, err := url.Parse(value)
	if err != nil || strings.Trim(u.Path, "/") == "" || u.Fragment != "" {
		s.refuse(varDatabase, "n'est pas une adresse PostgreSQL avec le nom d'une base", example)
		return Database{}
	}
	query, err := url.ParseQuery(u.RawQuery)
	if err != nil {
		s.refuse(varDatabase, "a des paramètres illisibles", example)
		return Database{}
	}
	for name, values := range query {
		if len(values) > 1 || name == "service" || name == "servicefile" {
			s.refuse(varDatabase, fmt.Sprintf("répète un paramètre ou renvoie à un fichier de service (%.20q)", name), example)
			return Database{}
		}
	}
	mode := query.Get("sslmode")
	if !s.isNear(u, query) && mode != "verify-full" && mode != "verify-ca" {
		s.refuse(varDatabase, "joint un serveur distant sans vérifier son certificat",
			"ajoutez sslmode=verify-full (et au besoin sslrootcert=FICHIER) ; "+
				"sans TLS, Relais n'accepte qu'une base sur cette machine ou par socket Unix (host=/var/run/postgresql)")
		return Database{}
	}
	return Database{Engine: Postgres, URL: Secret(value)}
}

// isNear tells whether every host the driver would take is this machine: the
// parameter wins over the address, and the environment counts where both are
// empty. An empty host means the local socket.
func (s *source) isNear(u *url.URL, query url.Values) bool {
	hosts := u.Hostname()
	if given := query.Get("host"); given != "" {
		hosts = given
	}
	if hosts == "" {
		if s.values["PGSERVICE"] != "" {
			return false // a service file may name any host
		}
		hosts = s.values["PGHOST"]
	}
	for host := range strings.SplitSeq(hosts, ",") {
		if host != "" && !strings.HasPrefix(host, "/") && !isLoopback(host) {
			return false
		}
	}
	return true
}

package config

import (
	"strconv"
	"time"
)

// The variables of what is kept and of what shows that Relais runs.
const (
	varRetentionAcces = "RELAIS_RETENTION_ACCES"
	varHeartbeat      = "RELAIS_PULSATION"
	varCoffreKey      = "RELAIS_COFFRE_KEY"
	varDebit          = "RELAIS_DEBIT"
)

// retentionAcces is in months: the CNIL's 6 to 12, up to 36 with proof of need.
func (s *source) retentionAcces() int {
	value := s.get(varRetentionAcces)
	if value == "" {
		return 12
	}
	n, err := strconv.Atoi(value)
	if err != nil || n < 6 || n > 36 {
		s.refuse(varRetentionAcces, "n'est pas un nombre de mois entre 6 et 36", "écrivez par exemple 12")
		return 12
	}
	return n
}

// coffreKey is the file of the vault's master key where it does not stand in
// the data folder. The file exists: a first start makes the key in that folder.
func (s *source) coffreKey() string {
	value := s.get(varCoffreKey)
	if value != "" && !s.privateFile(varCoffreKey, value) {
		return ""
	}
	return value
}

// throttle tells whether those who are refused too often are made to wait.
func (s *source) throttle() bool {
	switch s.get(varDebit) {
	case "", "oui":
		return true
	case "non":
		return false
	}
	s.refuse(varDebit, "n'est ni « oui » ni « non »", "retirez-la, ou écrivez « non » si le mandataire limite déjà le débit")
	return true
}

// heartbeat is how often an entry says that Relais runs; 0 is never.
func (s *source) heartbeat() time.Duration {
	if s.values[varHeartbeat] == "0" {
		return 0
	}
	return s.duration(varHeartbeat, time.Minute, 10*time.Second, time.Hour)
}

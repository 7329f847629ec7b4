package config

import (
	"strconv"
	"time"
)

// The variables of what is kept and of what shows that Relais runs.
const (
	varRetentionAcces = "RELAIS_RETENTION_ACCES"
	varHeartbeat      = "RELAIS_PULSATION"
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

// heartbeat is how often an entry says that Relais runs; 0 is never.
func (s *source) heartbeat() time.Duration {
	if s.values[varHeartbeat] == "0" {
		return 0
	}
	return s.duration(varHeartbeat, time.Minute, 10*time.Second, time.Hour)
}

package config

import (
	"errors"
	"fmt"
)

// Problem is one thing that stands in the way of a start. Its texts are French,
// for the operator, and quote no secret.
type Problem struct {
	Variable string // the variable to look at
	Text     string // what is wrong with it
	Do       string // what to do about it
}

// Error gives the problem on one line.
func (p Problem) Error() string {
	return fmt.Sprintf("%s %s. À faire : %s.", p.Variable, p.Text, p.Do)
}

// Problems lists the problems inside an error of this package, in the order in
// which they were found; nil when there is none.
func Problems(err error) []Problem {
	var list []Problem
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		for _, one := range joined.Unwrap() {
			list = append(list, Problems(one)...)
		}
		return list
	}
	var problem Problem
	if errors.As(err, &problem) {
		list = append(list, problem)
	}
	return list
}

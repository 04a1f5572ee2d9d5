package coercion

import (
	"strconv"
	"strings"

	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"
)

// maxErrors is how many errors one call reports at most.
const maxErrors = 20

// coercer walks one value. The path is kept only to be printed in an error.
type coercer struct {
	types  Types
	errors gqlerror.List
	path   []step
	at     *ast.Position
	// vars are the values of variables inside of literals.
	vars map[string]Value
}

// step is one part of a path: a field, or an item when name is empty.
type step struct {
	name  string
	index int
}

func (c *coercer) full() bool { return len(c.errors) >= maxErrors }

func (c *coercer) refuse(message string) {
	if c.full() {
		return
	}
	err := &gqlerror.Error{Message: message}
	if c.at != nil {
		err.Locations = []gqlerror.Location{{Line: c.at.Line, Column: c.at.Column}}
	}
	c.errors = append(c.errors, err)
}

// where prints the path of a part of a variable, as in `v.kid[2].req`.
func (c *coercer) where(variable string) string {
	var b strings.Builder
	b.WriteString(variable)
	for _, s := range c.path {
		if s.name != "" {
			b.WriteByte('.')
			b.WriteString(s.name)
		} else {
			b.WriteByte('[')
			b.WriteString(strconv.Itoa(s.index))
			b.WriteByte(']')
		}
	}
	return b.String()
}

func (c *coercer) enter(s step) { c.path = append(c.path, s) }
func (c *coercer) leave()       { c.path = c.path[:len(c.path)-1] }

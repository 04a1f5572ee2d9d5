package relational

// Empty lists the changes that delete every row of a layout: edges first, then the
// nodes that point at others before those that they point at. Where nodes point at
// each other in a ring, one end lets go first.
func (l *Layout) Empty() []Change {
	var out []Change
	for _, t := range l.Joins {
		out = append(out, &Delete{Table: t})
	}
	left := append([]*Table(nil), l.Tables...)
	for len(left) > 0 {
		next := 0
		for i, t := range left {
			if len(pointingAt(t, left)) == 0 {
				next = i
				break
			}
		}
		for _, c := range pointingAt(left[next], left) {
			out = append(out, &Update{Table: c.Table, Set: []Assignment{{Column: c}}})
		}
		out = append(out, &Delete{Table: left[next]})
		left = append(left[:next], left[next+1:]...)
	}
	return out
}

// pointingAt are the columns of other tables whose rows can point at rows of t.
func pointingAt(t *Table, tables []*Table) []*Column {
	var out []*Column
	for _, other := range tables {
		for _, c := range other.Columns {
			if other != t && c.References == t {
				out = append(out, c)
			}
		}
	}
	return out
}

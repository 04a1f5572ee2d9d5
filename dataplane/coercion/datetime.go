package coercion

import "time"

// ParseDateTime reads the ISO 8601 forms of data-api §2.12: a calendar, week or
// ordinal date, cut short at any part, and a time behind T, cut short likewise;
// a time alone is one on 1 January 1970. A fraction may follow the last part of
// the time; what is finer than a millisecond is cut. Without an offset the time
// is UTC. Years are 1 to 9999, also after the offset.
func ParseDateTime(text string) (time.Time, bool) {
	s := scanner{rest: text}
	year, month, day := 1970, 1, 1
	if !s.at('T') && !s.date(&year, &month, &day) {
		return time.Time{}, false
	}
	var clock time.Duration
	var offset time.Duration
	if s.take('T') {
		dated := len(s.rest)+1 < len(text)
		if ok := s.clock(&clock, dated); !ok || !s.offset(&offset) {
			return time.Time{}, false
		}
	}
	if s.rest != "" {
		return time.Time{}, false
	}
	t := time.Date(year, time.Month(month), day, 0, 0, 0, 0, time.UTC).Add(clock - offset)
	if y := t.Year(); y < 1 || y > 9999 {
		return time.Time{}, false
	}
	return t, true
}

// scanner eats a text from the left.
type scanner struct{ rest string }

func (s *scanner) at(c byte) bool { return s.rest != "" && s.rest[0] == c }

func (s *scanner) take(c byte) bool {
	if s.at(c) {
		s.rest = s.rest[1:]
		return true
	}
	return false
}

// digits is how many digits come next.
func (s *scanner) digits() int {
	n := 0
	for n < len(s.rest) && s.rest[n] >= '0' && s.rest[n] <= '9' {
		n++
	}
	return n
}

// number reads exactly n digits whose value lies between low and high.
func (s *scanner) number(n, low, high int, into *int) bool {
	if s.digits() < n {
		return false
	}
	v := 0
	for i := range n {
		v = 10*v + int(s.rest[i]-'0')
	}
	s.rest = s.rest[n:]
	*into = v
	return v >= low && v <= high
}

// date reads yyyy, yyyy-MM, yyyy-MM-dd, yyyy-DDD, yyyy-Www or yyyy-Www-e.
func (s *scanner) date(year, month, day *int) bool {
	if s.digits() != 4 || !s.number(4, 1, 9999, year) {
		return false
	}
	if !s.take('-') {
		return true
	}
	if s.take('W') {
		return s.weekDate(year, month, day)
	}
	switch s.digits() {
	case 3:
		*month = 1
		return s.number(3, 1, daysIn(*year), day)
	case 2:
		if !s.number(2, 1, 12, month) {
			return false
		}
		return !s.take('-') || s.digits() == 2 && s.number(2, 1, daysOf(*year, *month), day)
	default:
		return false
	}
}

func (s *scanner) weekDate(year, month, day *int) bool {
	week, weekday := 0, 1
	if s.digits() != 2 || !s.number(2, 1, 53, &week) {
		return false
	}
	if s.take('-') && (s.digits() != 1 || !s.number(1, 1, 7, &weekday)) {
		return false
	}
	// 4 January is always in week 1, and weeks start on Monday.
	fourth := time.Date(*year, 1, 4, 0, 0, 0, 0, time.UTC)
	found := fourth.AddDate(0, 0, 7*(week-1)+weekday-1-(int(fourth.Weekday())+6)%7)
	if y, w := found.ISOWeek(); y != *year || w != week {
		return false
	}
	y, m, d := found.Date()
	*year, *month, *day = y, int(m), d
	return true
}

// clock reads HH, HH:mm or HH:mm:ss, each with an optional fraction. Behind a
// date nothing at all is midnight, and a fraction alone is one of the hour.
func (s *scanner) clock(into *time.Duration, dated bool) bool {
	unit := time.Hour
	if s.digits() == 0 {
		return dated && s.fraction(into, unit)
	}
	hours, minutes, seconds := 0, 0, 0
	if s.digits() != 2 || !s.number(2, 0, 23, &hours) {
		return false
	}
	if s.take(':') {
		unit = time.Minute
		if s.digits() != 2 || !s.number(2, 0, 59, &minutes) {
			return false
		}
		if s.take(':') {
			unit = time.Second
			if s.digits() != 2 || !s.number(2, 0, 59, &seconds) {
				return false
			}
		}
	}
	*into = time.Duration(hours)*time.Hour + time.Duration(minutes)*time.Minute + time.Duration(seconds)*time.Second
	return s.fraction(into, unit)
}

// fraction reads a decimal fraction of a unit, if there is one, and adds its
// whole milliseconds.
func (s *scanner) fraction(into *time.Duration, unit time.Duration) bool {
	if !s.take('.') && !s.take(',') {
		return true
	}
	n := s.digits()
	if n == 0 {
		return false
	}
	// Nine digits of an hour are finer than a millisecond; a tenth unit at a time
	// would overflow nothing either, but costs more.
	value, scale := int64(0), int64(1)
	for i := range min(n, 9) {
		value, scale = 10*value+int64(s.rest[i]-'0'), 10*scale
	}
	s.rest = s.rest[n:]
	millis := value * int64(unit/time.Millisecond) / scale
	*into += time.Duration(millis) * time.Millisecond
	return true
}

// offset reads Z, +HH, +HHmm or +HH:mm, if there is one.
func (s *scanner) offset(into *time.Duration) bool {
	sign := time.Duration(1)
	switch {
	case s.rest == "" || s.take('Z'):
		return true
	case s.take('+'):
	case s.take('-'):
		sign = -1
	default:
		return false
	}
	hours, minutes := 0, 0
	if !s.number(2, 0, 23, &hours) {
		return false
	}
	if colon := s.take(':'); colon || s.digits() > 0 {
		if s.digits() != 2 || !s.number(2, 0, 59, &minutes) {
			return false
		}
	}
	*into = sign * (time.Duration(hours)*time.Hour + time.Duration(minutes)*time.Minute)
	return true
}

func daysIn(year int) int { return time.Date(year, 12, 31, 0, 0, 0, 0, time.UTC).YearDay() }

func daysOf(year, month int) int {
	return time.Date(year, time.Month(month)+1, 0, 0, 0, 0, 0, time.UTC).Day()
}

package coercion

import (
	"testing"
	"time"

	"pgregory.net/rapid"
)

const output = "2006-01-02T15:04:05.000Z"

func TestDateTimeForms(t *testing.T) {
	for in, want := range map[string]string{
		"2017":                           "2017-01-01T00:00:00.000Z",
		"2017-08":                        "2017-08-01T00:00:00.000Z",
		"2017-08-02":                     "2017-08-02T00:00:00.000Z",
		"2017-08-02T":                    "2017-08-02T00:00:00.000Z",
		"2017-08-02T10":                  "2017-08-02T10:00:00.000Z",
		"2017-08T10":                     "2017-08-01T10:00:00.000Z",
		"2017-08-02T10:20":               "2017-08-02T10:20:00.000Z",
		"2017-08-02T10:20:30":            "2017-08-02T10:20:30.000Z",
		"2017-08-02T10:20:30.1":          "2017-08-02T10:20:30.100Z",
		"2017-08-02T10:20:30,123456789Z": "2017-08-02T10:20:30.123Z",
		"2017-08-02T10.5":                "2017-08-02T10:30:00.000Z",
		"2017-08-02T10:20.5Z":            "2017-08-02T10:20:30.000Z",
		"2017-08-02T10Z":                 "2017-08-02T10:00:00.000Z",
		"2017-08-02T10:20+02":            "2017-08-02T08:20:00.000Z",
		"2017-08-02T10:20-0230":          "2017-08-02T12:50:00.000Z",
		"2017-08-02T10:20:30.5+02:00":    "2017-08-02T08:20:30.500Z",
		"2017-08-02T+02:00":              "2017-08-01T22:00:00.000Z",
		"2017-W31":                       "2017-07-31T00:00:00.000Z",
		"2017-W31-2":                     "2017-08-01T00:00:00.000Z",
		"2020-W53-7":                     "2021-01-03T00:00:00.000Z",
		"2017-213":                       "2017-08-01T00:00:00.000Z",
		"2016-366T12Z":                   "2016-12-31T12:00:00.000Z",
		"T10:20":                         "1970-01-01T10:20:00.000Z",
		"T10:20:30.250+01:00":            "1970-01-01T09:20:30.250Z",
		"0001-01-01":                     "0001-01-01T00:00:00.000Z",
		"9999-12-31T23:59:59.999Z":       "9999-12-31T23:59:59.999Z",
		"2016-02-29":                     "2016-02-29T00:00:00.000Z",
	} {
		if got, ok := ParseDateTime(in); !ok || got.Format(output) != want || got.Location() != time.UTC {
			t.Errorf("%s is %v %v, want %s", in, got, ok, want)
		}
	}
	for _, in := range []string{
		"", "T", "Z", "2017-", "2017-8", "17", "20170", "0000", "2017-13", "2017-00", "2017-02-29", "2017-04-31", "2017-366", "2017-000",
		"2017-W00", "2017-W54", "2017-W53", "2017-W31-8", "2017-W31-0", "2017-W1", "2017-08-02 10:20", "2017-08-02Z", "2017-08-02T24:00",
		"2017-08-02T10:60", "2017-08-02T10:20:60", "2017-08-02T1", "2017-08-02T10:2", "2017-08-02T10:20:30.", "2017-08-02T10:20:30z",
		"2017-08-02T10:20+2", "2017-08-02T10:20+02:", "2017-08-02T10:20+24", "2017-08-02T10:20+02:60", "2017-08-02T10:20Zx", "0001-01-01T00:00+01",
		"9999-12-31T23:00-02", "-2017", "2017/08/02", "today", " 2017", "2017 ", "2017-08-02t10", "２０１７",
	} {
		if got, ok := ParseDateTime(in); ok {
			t.Errorf("%q is %v", in, got)
		}
	}
}

// What is printed is read again as the same time, at any offset.
func TestDateTimeRoundTrip(t *testing.T) {
	first := time.Date(1, 1, 2, 0, 0, 0, 0, time.UTC).UnixMilli()
	last := time.Date(9999, 12, 30, 0, 0, 0, 0, time.UTC).UnixMilli()
	rapid.Check(t, func(t *rapid.T) {
		want := time.UnixMilli(rapid.Int64Range(first, last).Draw(t, "time")).UTC()
		zone := time.FixedZone("", 60*rapid.IntRange(-1439, 1439).Draw(t, "offset"))
		for _, layout := range []string{"2006-01-02T15:04:05.000Z07:00", "2006-01-02T15:04:05,000Z0700", "2006-002T15:04:05.000000Z07:00"} {
			text := want.In(zone).Format(layout)
			if got, ok := ParseDateTime(text); !ok || !got.Equal(want) {
				t.Fatalf("%s is read as %v, %v", text, got, ok)
			}
		}
	})
}

func FuzzDateTime(f *testing.F) {
	f.Add("2017-W31-2T10:20:30,5+02:00")
	f.Add("2017-213")
	f.Fuzz(func(t *testing.T, text string) {
		got, ok := ParseDateTime(text)
		if !ok {
			return
		}
		if again, ok := ParseDateTime(got.Format(output)); !ok || !again.Equal(got) {
			t.Errorf("%q is %v, which is read as %v", text, got, again)
		}
	})
}

package coercion

// Value is a coerced value, one of:
//
//	nil          null
//	string       String, ID, Password, an enum value
//	int64        Int (always within 32 bits)
//	float64      Float (always finite)
//	bool         Boolean
//	time.Time    DateTime: UTC, whole milliseconds
//	JSON         Json
//	[]any        a list of values
//	*Object      an input object
//
// Scalars that this package does not know keep the decoded JSON.
type Value = any

// JSON is the text of a Json value.
type JSON string

// Object is a coerced input object. A field that was not given is not there; a
// field that was given null is there with the value nil. Fields stand in the
// order of the document, or by name when the object came in a variable; defaults
// follow.
type Object struct {
	Fields []Member
}

// Member is one given field of an Object.
type Member struct {
	Name  string
	Value Value
}

// Get looks a field up; false means absent.
func (o *Object) Get(name string) (Value, bool) {
	for i := range o.Fields {
		if o.Fields[i].Name == name {
			return o.Fields[i].Value, true
		}
	}
	return nil, false
}

// Has says whether a field was given, be it null.
func (o *Object) Has(name string) bool {
	_, ok := o.Get(name)
	return ok
}

// Absent is what Literal returns for a variable that was not sent: no value at
// all, not even null.
type Absent struct{}

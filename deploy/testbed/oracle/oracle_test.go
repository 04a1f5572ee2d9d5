package oracle

import "testing"

func TestAnswers(t *testing.T) {
	o := Start(t)
	if errs := o.Build(t, "s", "type Query { a(b: Int): Int }"); len(errs) > 0 {
		t.Fatal(errs)
	}
	verdicts := o.Validate(t, "s", []string{"{ a }", "{ b }", "{"})
	if len(verdicts[0]) != 0 || len(verdicts[1]) != 1 || len(verdicts[2]) != 1 {
		t.Errorf("verdicts are %q", verdicts)
	}
	coerced := o.Variables(t, "s", []Case{{"query($x: Int) { a(b: $x) }", `{"x": 1}`}, {"query($x: Int) { a(b: $x) }", `{"x": "1"}`}})
	if coerced[0].JSON != `{"x":1}` || len(coerced[1].Errors) != 1 {
		t.Errorf("coerced are %+v", coerced)
	}
}

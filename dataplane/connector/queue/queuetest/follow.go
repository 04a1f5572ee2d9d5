package queuetest

import (
	"context"
	"fmt"
	"testing"

	"icehouse/dataplane/connector/queue"
)

// follow is listen for topics that come and go.
func (h *house) follow(t *testing.T, q *queue.Queue) (*listener, queue.Following) {
	t.Helper()
	l := &listener{t: t, news: make(chan struct{}, 1)}
	f := q.Follow(h.channel, queue.Subscriber{
		Receive: func(m queue.Message) { l.say(m.Topic + "=" + string(m.Body)) },
		Watching: func(all bool) {
			if all {
				l.say("+")
			} else {
				l.say("-")
			}
		},
	})
	t.Cleanup(f.Stop)
	l.expect("-", "+")
	return l, f
}

func comeAndGo(t *testing.T, h *house) {
	a, following := h.follow(t, h.queue)
	b, others := h.follow(t, h.other(t))
	add := func(f queue.Following, topic string) {
		t.Helper()
		if err := f.Add(t.Context(), topic); err != nil {
			t.Fatal(err)
		}
	}
	h.publish(t, "x", "before")
	add(following, "x")
	add(following, "x") // once more changes nothing
	add(others, "y")
	h.publish(t, "x", "1")
	h.publish(t, "y", "2")
	a.expect("x=1")
	b.expect("y=2")
	add(following, "y")
	h.publish(t, "y", "3")
	a.expect("y=3")
	b.expect("y=3")
	following.Remove("x")
	following.Remove("never")
	h.publish(t, "x", "canary")
	a.expectNothing()
	if h.Stop != nil { // topics outlive the connection
		h.Stop(t)
		a.expect("-")
		add(following, "z")
		following.Remove("y")
		h.Start(t)
		a.expect("+")
		h.publishSoonOn(t, "z", "4")
		h.publish(t, "y", "canary")
		a.expect("z=4")
		a.expectNothing()
	}
	following.Stop()
	following.Stop() // once more is no error
}

// hasty gives up waiting for topics, and changes its mind: what it said last holds.
func hasty(t *testing.T, h *house) {
	l, following := h.follow(t, h.queue)
	over, cancel := context.WithCancel(t.Context())
	cancel()
	var messages []queue.Message
	var want []string
	for i := range 500 {
		topic := fmt.Sprint("topic.", i)
		_ = following.Add(over, topic)
		following.Remove(topic)
		if i%5 == 0 { // this one is wanted after all
			_ = following.Add(over, topic)
			if err := following.Add(t.Context(), topic); err != nil {
				t.Fatal(err)
			}
			want = append(want, topic+"=")
		}
		messages = append(messages, queue.Message{Topic: topic})
	}
	if err := h.queue.Publish(t.Context(), h.channel, messages...); err != nil {
		t.Fatal(err)
	}
	l.expect(want...)
	l.expectNothing()
}

func manyAtOnce(t *testing.T, h *house) {
	l := h.listen(t, h.other(t), h.channel, "x")
	var messages []queue.Message
	var want []string
	for i := range 300 {
		messages = append(messages, queue.Message{Topic: "x", Body: fmt.Append(nil, i)})
		want = append(want, fmt.Sprintf("x=%d", i))
	}
	if err := h.queue.Publish(t.Context(), h.channel, messages...); err != nil {
		t.Fatal(err)
	}
	l.expect(want...)
	if err := h.queue.Publish(t.Context(), h.channel); err != nil {
		t.Errorf("nothing to publish: %v", err)
	}
	if err := h.queue.Publish(t.Context(), h.channel, queue.Message{Topic: "x"}, queue.Message{}); err == nil {
		t.Error("a message without a topic was taken")
	}
	l.expectNothing()
}

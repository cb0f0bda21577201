package sqldb_test

import (
	"context"
	"fmt"
	"runtime"
	"slices"
	"sync"
	"testing"

	"github.com/certhall/certhall/store/sqldb"
)

// A goroutine alone is served call by call, in its own goroutine.
func TestBatcherAlone(t *testing.T) {
	var served []string
	b := sqldb.Batcher[string]{Serve: func(items []string) { served = append(served, fmt.Sprint(items)) }, Limit: 9}
	for _, item := range []string{"a", "b", "c"} {
		if err := b.Do(t.Context(), item); err != nil {
			t.Fatal(err)
		}
	}
	if want := []string{"[a]", "[b]", "[c]"}; !slices.Equal(served, want) {
		t.Errorf("served %v", served)
	}
}

// If the goroutine that serves ends without an answer, as a test's FailNow
// does, those whose items it had are served by another.
func TestBatcherOutlivesItsLeader(t *testing.T) {
	var mu sync.Mutex
	served := map[string]bool{}
	fail, started, release := true, make(chan struct{}), make(chan struct{})
	b := sqldb.Batcher[string]{Limit: 9}
	b.Serve = func(items []string) {
		mu.Lock()
		first := len(served) == 0 && items[0] == "first"
		dies := fail && items[0] == "dies"
		fail = fail && !dies
		mu.Unlock()
		if first {
			close(started)
			<-release
		}
		if dies {
			runtime.Goexit()
		}
		mu.Lock()
		defer mu.Unlock()
		for _, item := range items {
			served[item] = true
		}
	}
	var all sync.WaitGroup
	do := func(item string) {
		all.Go(func() {
			if err := b.Do(context.Background(), item); err != nil {
				t.Error(err)
			}
		})
	}
	do("first")
	<-started
	for i, item := range []string{"dies", "a", "b"} {
		do(item)
		sqldb.AwaitBatch(&b, i+1)
	}
	close(release)
	all.Wait()
	if !served["first"] || !served["a"] || !served["b"] || served["dies"] {
		t.Errorf("served %v", served)
	}
}

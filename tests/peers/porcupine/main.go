// A second opinion on histories: reads one JSON history a line, and prints for each whether some order of its
// operations, each somewhere in its interval, is one that a shop with a single clerk could have worked through.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"time"

	"github.com/anishathalye/porcupine"
)

// What an operation is: "order" (a transaction that made order Made), "told" (an attempt that committed nothing, with
// its Outcome), "restock", or "final" (what is in the database at the end).
type operation struct {
	Kind    string         `json:"kind"`
	Call    int64          `json:"call"`
	Return  int64          `json:"return"`
	Key     string         `json:"key"`
	Cart    map[string]int `json:"cart"`
	Made    int            `json:"made"`
	Outcome string         `json:"outcome"`
	OrderID int            `json:"order_id"`
	Stock   map[string]int `json:"stock"`
	Orders  map[string]int `json:"orders"`
}

type shop struct {
	stock  map[string]int
	orders map[string]int
}

func (s shop) hasAll(cart map[string]int) bool {
	for product, units := range cart {
		if s.stock[product] < units {
			return false
		}
	}
	return true
}

func (s shop) with(cart map[string]int, sign int) shop {
	next := shop{stock: map[string]int{}, orders: map[string]int{}}
	for product, units := range s.stock {
		next.stock[product] = units
	}
	for key, id := range s.orders {
		next.orders[key] = id
	}
	for product, units := range cart {
		next.stock[product] += sign * units
	}
	return next
}

func same(a, b map[string]int) bool {
	if len(a) != len(b) {
		return false
	}
	for key, value := range a {
		if other, found := b[key]; !found || other != value {
			return false
		}
	}
	return true
}

func step(state, input, _ interface{}) (bool, interface{}) {
	s, op := state.(shop), input.(operation)
	id, exists := s.orders[op.Key]
	switch op.Kind {
	case "restock":
		return true, s.with(op.Cart, 1)
	case "final":
		return same(s.stock, op.Stock) && same(s.orders, op.Orders), s
	case "order":
		denied := op.Outcome != "ok" && op.Outcome != "unknown"
		if exists || denied || !s.hasAll(op.Cart) {
			return false, s
		}
		next := s.with(op.Cart, -1)
		next.orders[op.Key] = op.Made
		return true, next
	}
	switch op.Outcome {
	case "ok":
		return exists && id == op.OrderID, s
	case "sold_out":
		return !exists && !s.hasAll(op.Cart), s
	}
	return true, s // unknown and aborted: nothing happened
}

func main() {
	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(make([]byte, 1<<20), 1<<28)
	for lines.Scan() {
		var history struct {
			Stock      map[string]int `json:"stock"`
			Operations []operation    `json:"operations"`
		}
		if err := json.Unmarshal(lines.Bytes(), &history); err != nil {
			panic(err)
		}
		model := porcupine.Model{
			Init:  func() interface{} { return shop{stock: history.Stock, orders: map[string]int{}} },
			Step:  step,
			Equal: func(a, b interface{}) bool { return same(a.(shop).stock, b.(shop).stock) && same(a.(shop).orders, b.(shop).orders) },
		}
		operations := make([]porcupine.Operation, len(history.Operations))
		for i, op := range history.Operations {
			operations[i] = porcupine.Operation{ClientId: i, Input: op, Call: op.Call, Return: op.Return}
		}
		fmt.Println(porcupine.CheckOperationsTimeout(model, operations, 10*time.Minute))
	}
}

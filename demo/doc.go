// Package demo shows the product at work: the sample company, the steps of `lockstep demo`, and the benches. It drives the
// program through its management API, as any client would, and a Webex organisation that runs in the same process or in one
// of its own. It holds no logic that the product needs.
package demo

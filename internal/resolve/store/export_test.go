package store

// FormatNumber is what a folder begins with.
const FormatNumber = format

// ComparerName is how Pebble knows the order of the keys again.
var ComparerName = comparer().Name

// Each calls fn with all that is in the store, in order.
func (d *DB) Each(fn func(key, value []byte)) error {
	it, err := d.db.NewIter(nil)
	if err != nil {
		return err
	}
	for ok := it.First(); ok; ok = it.Next() {
		fn(it.Key(), it.Value())
	}
	return it.Close()
}

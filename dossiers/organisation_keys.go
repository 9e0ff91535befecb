package dossiers

import (
	"reflect"

	"parapheur/circuits"
)

// desks replaces every desk named in *x by what f answers for it. Walking the
// value finds them wherever a definition names one, in any version of the
// engine.
func desks[T any](x *T, f func(circuits.DeskID) circuits.DeskID) {
	rename(reflect.ValueOf(x).Elem(), reflect.TypeFor[circuits.DeskID](), func(s string) string { return string(f(circuits.DeskID(s))) })
}

// people is desks for the people named in *x.
func people[T any](x *T, f func(circuits.PersonID) circuits.PersonID) {
	rename(reflect.ValueOf(x).Elem(), reflect.TypeFor[circuits.PersonID](), func(s string) string { return string(f(circuits.PersonID(s))) })
}

// rename replaces every non-empty string of type t below v. Slices, pointers
// and maps are copied first: the caller's other values share nothing.
func rename(v reflect.Value, t reflect.Type, f func(string) string) {
	switch v.Kind() {
	case reflect.String:
		if v.Type() == t && v.Len() > 0 {
			v.SetString(f(v.String()))
		}
	case reflect.Struct:
		for i := range v.NumField() {
			if v.Type().Field(i).IsExported() {
				rename(v.Field(i), t, f)
			}
		}
	case reflect.Slice:
		if v.IsNil() || v.Type().Elem().Kind() == reflect.Uint8 {
			return
		}
		fresh := reflect.MakeSlice(v.Type(), v.Len(), v.Len())
		reflect.Copy(fresh, v)
		v.Set(fresh)
		for i := range v.Len() {
			rename(v.Index(i), t, f)
		}
	case reflect.Pointer:
		if v.IsNil() {
			return
		}
		fresh := reflect.New(v.Type().Elem())
		fresh.Elem().Set(v.Elem())
		v.Set(fresh)
		rename(fresh.Elem(), t, f)
	case reflect.Map:
		renameMap(v, t, f)
	default:
	}
}

func renameMap(v reflect.Value, t reflect.Type, f func(string) string) {
	if v.IsNil() {
		return
	}
	fresh := reflect.MakeMapWithSize(v.Type(), v.Len())
	for it := v.MapRange(); it.Next(); {
		key, value := reflect.New(v.Type().Key()).Elem(), reflect.New(v.Type().Elem()).Elem()
		key.Set(it.Key())
		value.Set(it.Value())
		rename(key, t, f)
		rename(value, t, f)
		fresh.SetMapIndex(key, value)
	}
	v.Set(fresh)
}

package scimhttp

import (
	"net/http"
	"strings"

	"lockstep/scim"
	"lockstep/scim/filter"
)

func (c *call) get(t *scim.Type, ref scim.Ref) (a answer, err error) {
	want, err := c.projection(c.params.Get("attributes"), c.params.Get("excludedAttributes"))
	if err != nil {
		return a, err
	}
	res, err := c.backend.Get(c.r.Context(), ref, want)
	if err != nil {
		return a, err
	}
	if tags := c.r.Header.Get("If-None-Match"); tags != "" && !res.Derived && tagsMatch(tags, res.Version) {
		return answer{status: http.StatusNotModified, version: res.Version}, nil
	}
	return c.resource(http.StatusOK, t, res, want)
}

func (c *call) create(t *scim.Type) (a answer, err error) {
	o, want, err := c.input(t)
	if err != nil {
		return a, err
	}
	res, err := c.backend.Create(c.r.Context(), t.Name, o)
	if err == nil {
		res, err = c.asked(res, want)
	}
	if err != nil {
		return a, err
	}
	a, err = c.resource(http.StatusCreated, t, res, want.With(t.OnRequest(o)))
	a.location = c.location(t, res.ID)
	return a, err
}

func (c *call) replace(t *scim.Type, ref scim.Ref) (a answer, err error) {
	o, want, err := c.input(t)
	if err != nil {
		return a, err
	}
	version, err := c.ifMatch(ref)
	if err != nil {
		return a, err
	}
	res, err := c.backend.Replace(c.r.Context(), ref, version, o)
	if err == nil {
		res, err = c.asked(res, want)
	}
	if err != nil {
		return a, err
	}
	return c.resource(http.StatusOK, t, res, want.With(t.OnRequest(o)))
}

// asked returns the resource that was written with what the client asked for by name and a backend does not load unless it is
// asked for, such as a user's groups.
func (c *call) asked(res scim.Resource, want *scim.Projection) (scim.Resource, error) {
	if want == nil || len(want.Include) == 0 {
		return res, nil
	}
	return c.backend.Get(c.r.Context(), res.Ref, want)
}

// patch answers with the whole resource, as every client reads that. A resource that the backend shows in part is not sent as if
// it were whole: the answer is 204 with the version, or, to a client that named attributes, what it wants (RFC 7644 §3.5.2).
func (c *call) patch(t *scim.Type, ref scim.Ref) (a answer, err error) {
	want, err := c.projection(c.params.Get("attributes"), c.params.Get("excludedAttributes"))
	if err != nil {
		return a, err
	}
	body, err := c.body(c.limits.Body)
	if err != nil {
		return a, err
	}
	p, err := scim.ParsePatch(body, scim.Limits{Operations: c.limits.PatchOps, Bytes: int(c.limits.Body)})
	if err != nil {
		return a, err
	}
	version, err := c.ifMatch(ref)
	if err != nil {
		return a, err
	}
	res, err := c.backend.Patch(c.r.Context(), ref, version, p)
	if err == nil && res.Partial {
		if want == nil {
			return answer{status: http.StatusNoContent, version: res.Version}, nil
		}
		res, err = c.backend.Get(c.r.Context(), ref, want)
	} else if err == nil {
		res, err = c.asked(res, want)
	}
	if err != nil {
		return a, err
	}
	return c.resource(http.StatusOK, t, res, want.With(t.OnRequestIn(p)))
}

func (c *call) delete(ref scim.Ref) (a answer, err error) {
	version, err := c.ifMatch(ref)
	if err != nil {
		return a, err
	}
	return answer{status: http.StatusNoContent}, c.backend.Delete(c.r.Context(), ref, version)
}

// input reads the body of POST and PUT and checks it against the schema.
func (c *call) input(t *scim.Type) (scim.Object, *scim.Projection, error) {
	want, err := c.projection(c.params.Get("attributes"), c.params.Get("excludedAttributes"))
	if err != nil {
		return nil, nil, err
	}
	body, err := c.body(c.limits.Body)
	if err != nil {
		return nil, nil, err
	}
	o, err := scim.DecodeWhole(body)
	if err != nil {
		return nil, nil, err
	}
	o, err = t.Check(o, scim.Mode{})
	return o, want, err
}

// projection returns nil when everything is wanted.
func (c *call) projection(attributes, excluded string) (*scim.Projection, error) {
	if attributes == "" && excluded == "" {
		return nil, nil
	}
	return scim.ParseProjection(attributes, excluded)
}

// ifMatch returns the version that If-Match demands, "" when there is none (RFC 7644 §3.14). Of several tags the one that
// the resource has now is demanded, so that the write stays conditional on it; so it is when If-None-Match excludes others. With *
// that excludes whatever there is (RFC 9110 §13.1.2).
func (c *call) ifMatch(ref scim.Ref) (string, error) {
	header := strings.TrimSpace(c.r.Header.Get("If-Match"))
	if header == "*" { // without a resource there is nothing to write to anyway
		header = ""
	}
	none := strings.TrimSpace(c.r.Header.Get("If-None-Match"))
	if none == "" && !strings.Contains(header, ",") {
		return untag(header), nil
	}
	res, err := c.backend.Get(c.r.Context(), ref, bare())
	if err != nil {
		return "", err
	}
	switch {
	case header != "" && !tagsMatch(header, res.Version):
		return "", scim.ErrPrecondition("The resource has another version.")
	case none != "" && tagsMatch(none, res.Version):
		return "", scim.ErrPrecondition("The resource has the version that If-None-Match excludes.")
	}
	return res.Version, nil
}

// bare asks for as little of a resource as there is.
func bare() *scim.Projection { return &scim.Projection{Include: []filter.Path{{Attr: "id"}}} }

// entityTag is always weak: the bytes of a resource depend on what the client asked to see (RFC 7232 §2.3).
func entityTag(version string) string { return `W/"` + version + `"` }

// untag returns the version in an entity tag, weak or strong; a tag without quotes, which some clients send, is the version.
func untag(tag string) string {
	return strings.Trim(strings.TrimPrefix(strings.TrimSpace(tag), "W/"), `"`)
}

func tagsMatch(header, version string) bool {
	for tag := range strings.SplitSeq(header, ",") {
		if tag = strings.TrimSpace(tag); tag == "*" || untag(tag) == version {
			return true
		}
	}
	return false
}

func (c *call) location(t *scim.Type, id string) string { return c.base + t.Endpoint + "/" + id }

// resource renders the resource as the body of the answer.
func (c *call) resource(status int, t *scim.Type, res scim.Resource, want *scim.Projection) (answer, error) {
	b, err := c.render(*c.buf, t, &res, want)
	*c.buf = b
	return answer{status: status, version: res.Version}, err
}

// render appends the resource to dst.
func (c *call) render(dst []byte, t *scim.Type, res *scim.Resource, want *scim.Projection) ([]byte, error) {
	if res.Doc != nil && want.IsDefault() {
		return c.renderDoc(dst, t, res), nil
	}
	attrs, err := res.Object()
	if err != nil {
		return dst, err
	}
	o := make(scim.Object, 0, len(attrs)+3)
	if !attrs.Has("schemas") {
		o = append(o, scim.Attr{Name: "schemas", Value: schemasOf(t, attrs)})
	}
	o = append(append(o, attrs...), scim.Attr{Name: "id", Value: res.ID}, scim.Attr{Name: "meta", Value: c.meta(t, res)})
	return scim.AppendJSON(dst, want.Apply(t, o)), nil
}

// renderDoc puts id and meta around what is stored: no decoding, no copy but the one into the buffer.
func (c *call) renderDoc(b []byte, t *scim.Type, res *scim.Resource) []byte {
	b = append(b, `{"id":`...)
	b = scim.AppendValue(b, res.ID)
	if len(res.Doc) > 2 {
		b = append(b, ',')
		b = append(b, res.Doc[1:len(res.Doc)-1]...)
	}
	b = append(b, `,"meta":{"resourceType":`...)
	b = scim.AppendValue(b, t.Name)
	b = append(b, `,"created":"`...)
	b = res.Created.UTC().AppendFormat(b, timeFormat)
	b = append(b, `","lastModified":"`...)
	b = res.Modified.UTC().AppendFormat(b, timeFormat)
	b = append(b, `","location":`...)
	b = scim.AppendValue(b, c.location(t, res.ID))
	if res.Version != "" {
		b = append(b, `,"version":`...)
		b = scim.AppendValue(b, entityTag(res.Version))
	}
	return append(b, "}}"...)
}

const timeFormat = "2006-01-02T15:04:05.000Z"

func (c *call) meta(t *scim.Type, res *scim.Resource) scim.Object {
	m := scim.Object{
		{Name: "resourceType", Value: t.Name},
		{Name: "created", Value: res.Created.UTC().Format(timeFormat)},
		{Name: "lastModified", Value: res.Modified.UTC().Format(timeFormat)},
		{Name: "location", Value: c.location(t, res.ID)},
	}
	if res.Version != "" {
		m = append(m, scim.Attr{Name: "version", Value: entityTag(res.Version)})
	}
	return m
}

// schemasOf lists the core schema and the extensions that are there.
func schemasOf(t *scim.Type, o scim.Object) scim.List {
	list := scim.List{t.Schema}
	for _, e := range t.Extensions {
		if o.Has(e.Schema) {
			list = append(list, e.Schema)
		}
	}
	return list
}

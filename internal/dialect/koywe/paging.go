package koywe

// pagination is where a page stands in its list.
type pagination struct {
	PageNumber int   `json:"pageNumber"`
	PageSize   int   `json:"pageSize"`
	TotalCount int64 `json:"totalCount"`
}

// paging reads pageNumber, from 1, and pageSize.
func (q *query) paging(size, most int) (number, limit int) {
	return q.Number("pageNumber", 1, 1<<20, 1), q.Number("pageSize", 1, most, size)
}

package metrics

// Gauge is the name of a series that is read when it is asked for.
type Gauge string

// The gauges.
const (
	Ready               Gauge = "certhall_ready"
	Sealed              Gauge = "certhall_sealed"
	RecordsWaiting      Gauge = "certhall_records_waiting"
	CheckpointTime      Gauge = "certhall_checkpoint_timestamp_seconds"
	CRLNumber           Gauge = "certhall_crl_number"
	CRLThisUpdate       Gauge = "certhall_crl_this_update_timestamp_seconds"
	CRLNextUpdate       Gauge = "certhall_crl_next_update_timestamp_seconds"
	CRLEntries          Gauge = "certhall_crl_entries"
	Jobs                Gauge = "certhall_jobs"
	DatabaseConnections Gauge = "certhall_database_connections"
	DatabaseWaits       Gauge = "certhall_database_waits"
	TLSNotAfter         Gauge = "certhall_tls_not_after_timestamp_seconds"
	Orders              Gauge = "certhall_orders"
	Refunds             Gauge = "certhall_refunds"
	PaymentDifferences  Gauge = "certhall_payment_differences"
)

// helps are what the gauges mean.
var helps = map[Gauge]string{
	Ready:               "1 while a check of /readyz holds, else 0.",
	Sealed:              "1 while the authority's keys are away.",
	RecordsWaiting:      "Records that have no number yet.",
	CheckpointTime:      "When the last checkpoint was signed, in seconds since 1970.",
	CRLNumber:           "Number of an issuer's newest CRL.",
	CRLThisUpdate:       "When an issuer's newest CRL was made, in seconds since 1970.",
	CRLNextUpdate:       "Until when an issuer's newest CRL counts, in seconds since 1970.",
	CRLEntries:          "Entries of an issuer's newest CRL.",
	Jobs:                "The hall's jobs that are not done, by state.",
	DatabaseConnections: "Open connections to a database, by whether they are in use.",
	DatabaseWaits:       "How often somebody waited for a connection to a database.",
	Orders:              "Orders by standing.",
	Refunds:             "Refunds by standing.",
	PaymentDifferences:  "Differences between the books and the channel's bills that nobody has explained.",
	TLSNotAfter:         "Until when a TLS certificate counts, in seconds since 1970.",
}

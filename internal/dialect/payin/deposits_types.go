package payin

import "encoding/json"

// referenceCreated answers POST /deposits/references.
type referenceCreated struct {
	DepositReference string          `json:"depositReference"`
	Currency         string          `json:"currency"`
	ChainID          string          `json:"chainId"`
	Protocol         string          `json:"protocol"`
	Address          string          `json:"address"`
	Metadata         json.RawMessage `json:"metadata,omitempty"`
	CreatedAt        string          `json:"createdAt"`
}

type referenceBody struct {
	DepositReference string             `json:"depositReference"`
	Addresses        []referenceAddress `json:"addresses"` // bound now
	TotalDeposits    int64              `json:"totalDeposits"`
	TotalAmount      map[string]string  `json:"totalAmount"` // by currency
	Metadata         json.RawMessage    `json:"metadata,omitempty"`
}

type referenceAddress struct {
	Currency  string `json:"currency,omitempty"` // what it was created for; absent when it was bound by protocol
	ChainID   string `json:"chainId,omitempty"`
	Protocol  string `json:"protocol"`
	Address   string `json:"address"`
	CreatedAt string `json:"createdAt"`
}

type referenceList struct {
	Data       []referenceItem `json:"data"`
	Pagination paginationBody  `json:"pagination"`
}

type referenceItem struct {
	DepositReference string            `json:"depositReference"`
	Protocols        []string          `json:"protocols"`
	AddressCount     int               `json:"addressCount"`
	TotalDeposits    int64             `json:"totalDeposits"`
	TotalAmount      map[string]string `json:"totalAmount"`
	LastDepositAt    string            `json:"lastDepositAt,omitempty"`
}

type depositList struct {
	Data       []depositBody  `json:"data"`
	Pagination paginationBody `json:"pagination"`
}

// depositBody is one payment to a bound address.
type depositBody struct {
	DepositID        string  `json:"depositId"`
	DepositReference string  `json:"depositReference"`
	Amount           string  `json:"amount"`
	Currency         string  `json:"currency"`
	ChainID          string  `json:"chainId"`
	Address          string  `json:"address"`
	TxHash           string  `json:"txHash,omitempty"`
	BlockNumber      *uint64 `json:"blockNumber,omitempty"`
	Status           string  `json:"status"`
	Confirmations    *uint64 `json:"confirmations,omitempty"`
	DetectedAt       string  `json:"detectedAt"`
	ConfirmedAt      string  `json:"confirmedAt,omitempty"`
	CompletedAt      string  `json:"completedAt,omitempty"`
}

type bindingAnswer struct {
	Success bool        `json:"success"`
	Data    bindingBody `json:"data"`
	Message string      `json:"message,omitempty"`
}

type bindingList struct {
	Success    bool           `json:"success"`
	Data       []bindingBody  `json:"data"`
	Pagination paginationBody `json:"pagination"`
}

type bindingBody struct {
	DepositReference  string             `json:"depositReference"`
	Protocol          string             `json:"protocol"`
	DepositAddress    string             `json:"depositAddress"`
	MonitoringTargets []monitoringTarget `json:"monitoringTargets"`
	BindingCreatedAt  string             `json:"bindingCreatedAt"`
}

type monitoringTarget struct {
	Chain    string `json:"chain"`
	Contract string `json:"contract"`
	Token    string `json:"token"`
}

type unboundBody struct {
	Success          bool   `json:"success"`
	Message          string `json:"message"`
	DepositReference string `json:"depositReference"`
	UnboundAddresses int    `json:"unboundAddresses"`
}

type depositStatsBody struct {
	Success bool `json:"success"`
	Data    struct {
		BoundAddressCount int64             `json:"boundAddressCount"`
		ActiveReferences  int64             `json:"activeReferences"`
		TotalDeposits     int64             `json:"totalDeposits"`
		TotalVolume       map[string]string `json:"totalVolume"`
	} `json:"data"`
}

// What deposit webhooks say.
type (
	depositTold struct {
		DepositID        string `json:"depositId"`
		DepositReference string `json:"depositReference"`
		Token            string `json:"token"`
		Chain            string `json:"chain"`
		Amount           string `json:"amount"`
		DepositAddress   string `json:"depositAddress"`
		TxHash           string `json:"txHash"`
		BlockNumber      string `json:"blockNumber"` // a text: PayIn's guide
		Timestamp        string `json:"timestamp"`
		OrganizationID   string `json:"organizationId"`
	}
	boundTold struct {
		DepositReference  string             `json:"depositReference"`
		Protocol          string             `json:"protocol"`
		DepositAddress    string             `json:"depositAddress"`
		MonitoringTargets []monitoringTarget `json:"monitoringTargets"`
	}
	unboundTold struct {
		DepositReference string `json:"depositReference"`
		Protocol         string `json:"protocol"`
		DepositAddress   string `json:"depositAddress"`
	}
)

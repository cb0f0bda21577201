package services

import "context"

// result is the receipt of a finished case: dates before and after.
func (c *Counter) result(ctx context.Context, k Case) (*Result, error) {
	r := &Result{
		Receipt: string(k.ID), Service: k.Service, Project: k.Project, KeySerial: k.KeySerial,
		AcknowledgedAt: k.AcknowledgedAt, Untestable: k.Untestable,
	}
	err := c.Store.Read(ctx, func(rd Reader) error {
		old, err := rd.Certificate(k.Serial)
		if err != nil {
			return err
		}
		made, err := rd.Certificate(k.NewSerial)
		if err != nil {
			return err
		}
		r.Old, r.New = old.dates(), made.dates()
		if made != nil {
			r.Subject, r.Organisation, r.Project = made.Subject, made.Organisation, made.Project
			r.KeyNumber, r.KeySerial = made.KeyNumber, made.KeySerial
		}
		return nil
	})
	return r, err
}

func (c *Certificate) dates() *PairDates {
	if c == nil {
		return nil
	}
	return &PairDates{SignSerial: c.SignSerial, EncSerial: c.EncSerial, NotBefore: c.NotBefore, NotAfter: c.NotAfter, Subject: c.Subject}
}

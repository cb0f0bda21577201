package main

import "testing"

func TestProjectNames(t *testing.T) {
	var p project
	if err := p.UnmarshalText([]byte("gp=政府采购项目|Government procurement")); err != nil || p.Code != "gp" || p.Names["zh-CN"] != "政府采购项目" || p.Names["en"] != "Government procurement" {
		t.Errorf("%+v, %v", p, err)
	}
	for _, text := range []string{"", "gp", "gp=", "gp=政府采购项目", "=政府采购项目|Government procurement", "gp=|Government procurement", "gp=政府采购项目|"} {
		if err := new(project).UnmarshalText([]byte(text)); err == nil {
			t.Errorf("%q is taken", text)
		}
	}
}

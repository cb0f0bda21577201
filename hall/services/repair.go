package services

// repair (修复): the old pair has expired, at most as long ago as the
// authority allows; its key still proves possession. The term counts from now.
var repair = renew

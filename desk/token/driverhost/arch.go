package driverhost

import (
	"debug/elf"
	"debug/pe"
	"errors"
	"os"

	"github.com/certhall/certhall/desk/token"
)

// machines are the architectures as Go names them.
var (
	elfMachines = map[elf.Machine]string{
		elf.EM_X86_64: "amd64", elf.EM_AARCH64: "arm64", elf.EM_386: "386", elf.EM_ARM: "arm",
		elf.EM_LOONGARCH: "loong64", elf.EM_RISCV: "riscv64", elf.EM_MIPS: "mips", elf.EM_PPC64: "ppc64",
	}
	peMachines = map[uint16]string{
		pe.IMAGE_FILE_MACHINE_AMD64: "amd64", pe.IMAGE_FILE_MACHINE_ARM64: "arm64", pe.IMAGE_FILE_MACHINE_I386: "386",
	}
)

var errNoLibrary = errors.New("driverhost: neither ELF nor PE, or of an unknown machine")

// platform tells for which system and architecture a library file is.
func platform(path string) (system, arch string, err error) {
	file, err := os.Open(path)
	if err != nil {
		return "", "", err
	}
	defer file.Close()
	if f, err := elf.NewFile(file); err == nil {
		system, arch = "linux", elfMachines[f.Machine]
	} else if f, err := pe.NewFile(file); err == nil {
		system, arch = "windows", peMachines[f.Machine]
	}
	if arch == "" {
		return "", "", errNoLibrary
	}
	return system, arch, nil
}

// fits answers token.ErrDriverMissing, or token.ErrDriverUnfit if the file is
// for other programs than this one.
func fits(path, system, arch, library string) error {
	hasSystem, has, err := platform(path)
	if err != nil {
		return token.ErrDriverMissing.With("library", library).Because(err)
	}
	if hasSystem != system || has != arch {
		return token.ErrDriverUnfit.With("library", library).With("has", hasSystem+"/"+has).With("needs", system+"/"+arch)
	}
	return nil
}

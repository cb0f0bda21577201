// Command draw draws the pictures of the demo's catalogue, plain shapes of this
// house's own: go run ./demo/catalog/draw, in the module's root.
package main

import (
	"image"
	"image/color"
	"image/png"
	"log"
	"math"
	"os"
	"path/filepath"
)

// size of a picture in points.
const width, height = 360, 270

// shape is the distance of a point to an outline, negative inside.
type shape func(x, y float64) float64

// layer is a shape in a colour.
type layer struct {
	shape
	colour color.RGBA
}

var (
	ground = rgb(0xf3f1ec)
	paper  = rgb(0xffffff)
	ink    = rgb(0x1b2333)
	soft   = rgb(0xb9bec8)
	metal  = rgb(0x868e9c)
	blue   = rgb(0x1d4e89)
	green  = rgb(0x1a7a58)
	red    = rgb(0xc03b2b)
)

var pictures = map[string][]layer{
	"haitai.png":      key(blue),
	"minghua.png":     key(green),
	"procurement.png": tender(),
	"insurance.png":   insurance(),
}

func main() {
	for name, layers := range pictures {
		if err := save(filepath.Join("demo", "catalog", "pictures", name), layers); err != nil {
			log.Fatal(err)
		}
	}
}

// key is a USB key that lies aslant.
func key(c color.RGBA) []layer {
	aslant := func(s shape) shape { return turned(s, -0.35) }
	return []layer{
		{aslant(box(104, 0, 46, 31, 4)), metal},
		{aslant(box(118, -13, 9, 6, 1)), paper},
		{aslant(box(118, 13, 9, 6, 1)), paper},
		{aslant(box(-24, 0, 104, 52, 26)), c},
		{aslant(box(68, 0, 12, 52, 4)), c},
		{aslant(circle(-96, 0, 14)), ground},
		{aslant(box(-14, 0, 44, 26, 8)), paper},
		{aslant(ring(-30, 0, 10, 5)), c},
		{aslant(box(8, -8, 16, 3, 3)), soft},
		{aslant(box(4, 8, 12, 3, 3)), soft},
	}
}

// tender is a sealed document.
func tender() []layer {
	return []layer{
		{box(8, 8, 74, 98, 8), soft},
		{box(0, 0, 74, 98, 8), paper},
		{box(-20, -66, 36, 5, 5), ink},
		{box(0, -36, 52, 3, 3), soft},
		{box(0, -14, 52, 3, 3), soft},
		{box(-14, 8, 38, 3, 3), soft},
		{ring(34, 52, 34, 6), red},
		{circle(34, 52, 11), red},
	}
}

// insurance is a shield with a cross.
func insurance() []layer {
	shield := func(r float64) shape {
		left, right, top := circle(60, -38, r), circle(-60, -38, r), box(0, 60, 140, 146, 10)
		return func(x, y float64) float64 { return max(left(x, y), right(x, y), top(x, y)) }
	}
	return []layer{
		{shield(158), green},
		{box(0, -14, 14, 48, 4), paper},
		{box(0, -14, 48, 14, 4), paper},
	}
}

// box is a rectangle around (cx, cy) with half its sides and round corners.
func box(cx, cy, w, h, r float64) shape {
	return func(x, y float64) float64 {
		dx, dy := math.Abs(x-cx)-w+r, math.Abs(y-cy)-h+r
		return math.Hypot(max(dx, 0), max(dy, 0)) + min(max(dx, dy), 0) - r
	}
}

func circle(cx, cy, r float64) shape {
	return func(x, y float64) float64 { return math.Hypot(x-cx, y-cy) - r }
}

func ring(cx, cy, r, thick float64) shape {
	c := circle(cx, cy, r)
	return func(x, y float64) float64 { return math.Abs(c(x, y)) - thick/2 }
}

func turned(s shape, angle float64) shape {
	sin, cos := math.Sincos(-angle)
	return func(x, y float64) float64 { return s(x*cos-y*sin, x*sin+y*cos) }
}

func rgb(c uint32) color.RGBA { return color.RGBA{uint8(c >> 16), uint8(c >> 8), uint8(c), 255} }

// save paints the layers over each other, around the middle.
func save(file string, layers []layer) error {
	img := image.NewRGBA(image.Rect(0, 0, width, height))
	for y := range height {
		for x := range width {
			c := ground
			for _, l := range layers {
				c = mix(c, l.colour, min(max(0.5-l.shape(float64(x)+0.5-width/2, float64(y)+0.5-height/2), 0), 1))
			}
			img.SetRGBA(x, y, c)
		}
	}
	out, err := os.Create(file)
	if err != nil {
		return err
	}
	if err := (&png.Encoder{CompressionLevel: png.BestCompression}).Encode(out, img); err != nil {
		return err
	}
	return out.Close()
}

// mix covers so much of a with b.
func mix(a, b color.RGBA, much float64) color.RGBA {
	part := func(a, b uint8) uint8 { return uint8(math.Round(float64(a)*(1-much) + float64(b)*much)) }
	return color.RGBA{part(a.R, b.R), part(a.G, b.G), part(a.B, b.B), 255}
}
